"""Convolutions over time. Values are [1, 1, time, channels].

ONNX Runtime's fast convolutions have two dimensions and want channels first; it lays sound out for them in blocks of
channels, and cancels transpositions that meet. Its products of matrices are as fast for one or two moments, but for
them channels in groups have to be taken apart and joined, and windows of time to be gathered.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voxduct.onnx.prepare.lyra.builder import GraphBuilder
from voxduct.onnx.prepare.lyra.shapes import UnsupportedError

Array = npt.NDArray[np.generic]
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def convolve(
    build: GraphBuilder, value: str, weights: Array, bias: Array, *, groups: int, stride: int = 1, dilation: int = 1
) -> str:
    """Weights [out, kernel, in of a group]."""
    inputs = [
        build.node("Transpose", [value], perm=CHANNELS_FIRST),
        build.weight(weights.transpose(0, 2, 1)[:, :, None]),
        build.weight(bias),
    ]
    made = build.node("Conv", inputs, group=groups, strides=[1, stride], dilations=[1, dilation])
    return build.node("Transpose", [made], perm=CHANNELS_LAST)


def convolve_transposed(
    build: GraphBuilder, heard: str, kernels: Array, bias: Array, late: Array, *, stride: int, moments: int
) -> str:
    """A transposed convolution of every group, kernels [groups, out, kernel, in], as an ordinary one.

    A moment reaches into `pieces` strides of output, so that every stride of output hears that many moments; `heard`
    begins with those before the frame, which are one less. What a frame's first strides hear of them has `late` beside
    the bias; both are [groups, out]. A frame has so many `moments`.
    """
    groups, out, kernel, inner = kernels.shape
    pieces = pieces_of(kernel, stride)
    # The moment heard first has come to its last piece.
    cut = kernels.reshape(groups, out, pieces, stride, inner)[:, :, ::-1].transpose(0, 3, 1, 2, 4)
    weights = cut.reshape(groups * stride * out, pieces, inner)
    biases = np.stack([np.add(bias, late) if moment < pieces - 1 else bias for moment in range(moments)])
    first = np.repeat(biases[0][:, None], stride, axis=1).reshape(-1)
    made = convolve(build, heard, weights, first, groups=groups)
    parts = build.reshape(made, (-1, moments, groups, stride, out))
    if groups > 1:
        parts = build.node("Transpose", [parts], perm=(0, 1, 3, 2, 4))
    if (biases != biases[0]).any():
        parts = build.node("Add", [parts, build.weight((biases - biases[0])[:, None])])
    return build.reshape(parts, (1, 1, -1, groups * out))


def pieces_of(kernel: int, stride: int) -> int:
    """Strides of output that a moment reaches into."""
    pieces, rest = divmod(kernel, stride)
    if rest or pieces < 2:
        raise UnsupportedError(f"a transposed convolution over {kernel} moments with stride {stride}")
    return pieces
