"""Convolutions over time as matrix products. Values are [time, channels]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voxduct.onnx.prepare.lyra.builder import GraphBuilder
from voxduct.onnx.prepare.lyra.shapes import UnsupportedError

Array = npt.NDArray[np.generic]
DENSE = 1 << 14
"""Weights up to which groups are convolved in one product, half of it zeros or more: sooner done than several."""
MANY = 8
"""Moments from which ONNX Runtime's own convolution of single channels is faster than a sum of products."""


def convolve(
    build: GraphBuilder, value: str, weights: Array, bias: Array, *, groups: int, stride: int, moments: int
) -> str:
    """Weights [out, kernel, in of a group]; `moments` come out."""
    kernel = weights.shape[1]
    if groups == 1 or weights.size * groups <= DENSE:
        return _product(build, _windows(build, value, kernel, stride, moments), _dense(weights, groups), bias)
    parts = [
        _product(build, _windows(build, part, kernel, stride, moments), of_group, of_bias)
        for part, of_group, of_bias in zip(
            build.split(value, [weights.shape[2]] * groups, 1),
            np.split(weights, groups),
            np.split(bias, groups),
            strict=True,
        )
    ]
    return build.node("Concat", parts, axis=1)


def convolve_channels(build: GraphBuilder, value: str, weights: Array, bias: Array, dilation: int, moments: int) -> str:
    """Weights [kernel, channels]: every channel by itself."""
    if moments >= MANY:
        return _convolve_transposed_channels(build, value, weights, bias, dilation, moments)
    taps = np.arange(len(weights))[:, None] * dilation + np.arange(moments)
    windows = build.node("Gather", [value, build.weight(taps.astype(np.int64))], axis=0)  # [kernel, moments, channels]
    weighted = build.reshape(build.node("Mul", [windows, build.weight(weights[:, None])]), (len(weights), -1))
    # Summed by a product with ones, which takes half as long as ReduceSum.
    ones = build.weight(np.ones((1, len(weights)), np.float32))
    total = build.node("Gemm", [ones, weighted, build.weight(np.tile(bias, moments))])
    return build.reshape(total, (moments, weights.shape[1]))


def _convolve_transposed_channels(
    build: GraphBuilder, value: str, weights: Array, bias: Array, dilation: int, moments: int
) -> str:
    """The same by ONNX Runtime's own convolution, which wants channels first.

    It has a fast one of two dimensions and none of one, hence the axis of 1.
    """
    kernel, channels = weights.shape
    length = (kernel - 1) * dilation + moments
    first = build.node("Transpose", [build.reshape(value, (1, 1, length, channels))], perm=[0, 3, 1, 2])
    inputs = [first, build.weight(weights.T[:, None, None]), build.weight(bias)]
    made = build.node("Conv", inputs, group=channels, dilations=[1, dilation])
    return build.reshape(build.node("Transpose", [made], perm=[0, 2, 3, 1]), (moments, channels))


def convolve_transposed(build: GraphBuilder, value: str, weights: Array, bias: Array, stride: int, moments: int) -> str:
    """Weights [out, kernel, in]; (moments - 1) * stride + kernel come out. Bias [out], or [moments that come out, out].

    A moment reaches into `pieces` strides of output, so that every stride of output hears that many moments: an
    ordinary convolution over the value with silence around it, which makes a stride of output at a time.
    """
    out, kernel, inner = weights.shape
    pieces, rest = divmod(kernel, stride)
    if rest:
        raise UnsupportedError(f"a transposed convolution over {kernel} moments with stride {stride}")
    strides = moments + pieces - 1
    biases = np.broadcast_to(bias, (strides * stride, out)).reshape(strides, stride * out)
    if moments == 1:
        flat = weights.transpose(2, 1, 0).reshape(inner, kernel * out)
        made = build.node("Gemm", [value, build.weight(flat), build.weight(biases.reshape(-1))])
    else:
        around = np.array([pieces - 1, 0, pieces - 1, 0], np.int64)
        padded = build.node("Pad", [value, build.weight(around)])
        # The moment heard first has come to its last piece.
        cut = weights.reshape(out, pieces, stride, inner)[:, ::-1].transpose(2, 0, 1, 3)
        as_ordinary = cut.reshape(stride * out, pieces, inner)
        windows = _windows(build, padded, pieces, 1, strides)
        made = _product(build, windows, as_ordinary, biases)
    return build.reshape(made, (strides * stride, out))


def _windows(build: GraphBuilder, value: str, kernel: int, stride: int, moments: int) -> str:
    """[time, channels] to [moments, kernel * channels]: what each output moment hears."""
    if kernel == 1 and stride == 1:
        return value
    if moments == 1:  # its value has just the moments that it hears
        return build.reshape(value, (1, -1))
    if kernel % stride == 0:  # gathered a stride at a time: fewer and longer pieces
        value = build.reshape(value, (moments + kernel // stride - 1, -1))
        kernel, stride = kernel // stride, 1
    taps = np.arange(moments)[:, None] * stride + np.arange(kernel)
    gathered = build.node("Gather", [value, build.weight(taps.astype(np.int64))], axis=0)
    return build.reshape(gathered, (moments, -1))


def _product(build: GraphBuilder, windows: str, weights: Array, bias: Array) -> str:
    flat = weights.transpose(1, 2, 0).reshape(-1, weights.shape[0])
    return build.node("Gemm", [windows, build.weight(flat), build.weight(bias)])


def _dense(weights: Array, groups: int) -> Array:
    """Weights of groups as weights from all channels, [out, kernel, in]."""
    blocks = np.split(weights, groups)
    out, kernel, inner = blocks[0].shape
    dense = np.zeros((groups, out, kernel, groups, inner), weights.dtype)
    for group, block in enumerate(blocks):
        dense[group, :, :, group] = block
    return dense.reshape(groups * out, kernel, groups * inner)
