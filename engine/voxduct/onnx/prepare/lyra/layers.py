"""How each TensorFlow Lite operator is written in ONNX.

Sound over time lies as [1, time, 1, channels] there and as [time, channels] here, the same numbers in the same order.
A convolution is a matrix product then: of a frame there are as few as one or two moments at the deeper layers, and
ONNX Runtime's own convolutions take several times longer on so few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxduct.onnx.prepare.lyra.builder import GraphBuilder
from voxduct.onnx.prepare.lyra.convolutions import convolve, convolve_channels, convolve_transposed
from voxduct.onnx.prepare.lyra.shapes import CHANNELS, HERE, TIME, UnsupportedError, moved
from voxduct.onnx.tflite import Op, Operator, Tensor
from voxduct.onnx.tflite.operators import Padding

NO_ACTIVATION = 0


@dataclass(frozen=True, slots=True)
class Step:
    """An operator with its tensors, and the names of its inputs' values (empty for what is read as a constant)."""

    operator: Operator
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    names: Sequence[str]
    without: npt.NDArray[np.generic] | None = None
    """Of a transposed convolution: what to subtract from the moments that hang over into the next frame."""

    def option(self, name: str) -> int:
        """A whole number among the options."""
        return int(self.operator.options[name])

    def constant(self, index: int) -> npt.NDArray[np.generic]:
        """An input that must be known beforehand, as it is meant."""
        if self.inputs[index].data is None:
            raise UnsupportedError(f"input {index} of {self.operator.op.name} is computed, and must be a constant")
        return self.inputs[index].values()


Layer = Callable[[GraphBuilder, Step], list[str]]


def convolution(build: GraphBuilder, step: Step) -> list[str]:
    """CONV_2D: weights [out, kernel, 1, in of a group]; in groups where the input has more channels."""
    _require_time_only(step)
    weights = step.constant(1)[:, :, 0]
    groups, rest = divmod(step.inputs[0].shape[CHANNELS], weights.shape[2])
    if rest or weights.shape[0] % groups:
        raise UnsupportedError(f"{step.inputs[0].shape[CHANNELS]} channels are no groups of {weights.shape[2]}")
    moments, stride = step.outputs[0].shape[TIME], step.option("stride_h")
    if step.option("dilation_h") != 1:
        raise UnsupportedError("a dilated convolution across channels")
    return [convolve(build, step.names[0], weights, step.constant(2), groups=groups, stride=stride, moments=moments)]


def depthwise(build: GraphBuilder, step: Step) -> list[str]:
    """DEPTHWISE_CONV_2D: weights [1, kernel, 1, channels], each channel by itself."""
    _require_time_only(step)
    if step.option("depth_multiplier") != 1 or step.option("stride_h") != 1:
        raise UnsupportedError("a convolution of single channels that strides, or makes several of one")
    weights, moments = step.constant(1)[0, :, 0], step.outputs[0].shape[TIME]
    return [convolve_channels(build, step.names[0], weights, step.constant(2), step.option("dilation_h"), moments)]


def transposed(build: GraphBuilder, step: Step) -> list[str]:
    """TRANSPOSE_CONV: inputs shape, weights [out, kernel, 1, in], value, bias."""
    _require_plain(step)
    if step.option("padding") != Padding.VALID or step.option("stride_w") not in (1, step.option("stride_h")):
        raise UnsupportedError("a transposed convolution that pads, or goes across")
    weights, moments, stride = step.constant(1)[:, :, 0], step.inputs[2].shape[TIME], step.option("stride_h")
    bias = step.constant(3)
    if step.without is not None:
        ours, over = moments * stride, weights.shape[1] - stride
        bias = np.concatenate([np.tile(bias, (ours, 1)), np.tile(np.subtract(bias, step.without), (over, 1))])
    return [convolve_transposed(build, step.names[2], weights, bias, stride, moments)]


def leaky_relu(build: GraphBuilder, step: Step) -> list[str]:
    """LEAKY_RELU."""
    return [build.node("LeakyRelu", step.names[:1], alpha=float(step.operator.options["alpha"]))]


def binary(kind: str) -> Layer:
    """ADD, SUB, MUL; lists of one number per channel broadcast over time in both layouts."""

    def layer(build: GraphBuilder, step: Step) -> list[str]:
        _require_plain(step)
        return [build.node(kind, step.names)]

    return layer


def concatenation(build: GraphBuilder, step: Step) -> list[str]:
    """CONCATENATION over time or channels."""
    _require_plain(step)
    return [build.node("Concat", step.names, axis=_axis(step, step.option("axis")))]


def split(build: GraphBuilder, step: Step) -> list[str]:
    """SPLIT: inputs axis, value; into equal parts."""
    axis, parts = _axis(step, int(step.constant(0))), step.option("parts")
    if len(step.outputs) != parts:
        raise UnsupportedError(f"{parts} parts and {len(step.outputs)} outputs")
    return build.split(step.names[1], [moved(tensor.shape)[axis] for tensor in step.outputs], axis)


def strided_slice(build: GraphBuilder, step: Step) -> list[str]:
    """STRIDED_SLICE: a piece of time, all channels; inputs value, begin, end, strides."""
    masks = [step.option(name) for name in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")]
    others = 0b1111 & ~(1 << TIME)
    if any(masks) or len(step.inputs[0].shape) != 4 or step.option("begin_mask") & others != others:
        raise UnsupportedError("a slice of other than time")
    if moved(step.outputs[0].shape)[1] != moved(step.inputs[0].shape)[1] or (step.constant(3) != 1).any():
        raise UnsupportedError("a slice of channels, or one that leaves out")
    begin, end = (int(step.constant(index)[TIME]) for index in (1, 2))
    begin = 0 if step.option("begin_mask") >> TIME & 1 else begin
    end = np.iinfo(np.int64).max if step.option("end_mask") >> TIME & 1 else end
    return [build.slice(step.names[0], begin, end, HERE[TIME])]


def reshape(build: GraphBuilder, step: Step) -> list[str]:
    """RESHAPE."""
    before, after = step.inputs[0].shape, step.outputs[0].shape
    if math.prod(before) != math.prod(after):
        raise UnsupportedError(f"reshaping {before} to {after}")
    return [build.reshape(step.names[0], moved(after))]


def as_it_is(build: GraphBuilder, step: Step) -> list[str]:
    """QUANTIZE and DEQUANTIZE: activations stay floats, neither rounded nor clipped."""
    return [step.names[0]]


LAYERS: Mapping[Op, Layer] = {
    Op.ADD: binary("Add"),
    Op.SUB: binary("Sub"),
    Op.MUL: binary("Mul"),
    Op.CONV_2D: convolution,
    Op.DEPTHWISE_CONV_2D: depthwise,
    Op.TRANSPOSE_CONV: transposed,
    Op.LEAKY_RELU: leaky_relu,
    Op.CONCATENATION: concatenation,
    Op.SPLIT: split,
    Op.STRIDED_SLICE: strided_slice,
    Op.RESHAPE: reshape,
    Op.QUANTIZE: as_it_is,
    Op.DEQUANTIZE: as_it_is,
}
CONSTANT_INPUTS: Mapping[Op, Sequence[int]] = {
    Op.CONV_2D: (1, 2),
    Op.DEPTHWISE_CONV_2D: (1, 2),
    Op.TRANSPOSE_CONV: (0, 1, 3),
    Op.SPLIT: (0,),
    Op.STRIDED_SLICE: (1, 2, 3),
    Op.RESHAPE: (1,),
}
"""Inputs that a layer reads as constants."""


def _require_time_only(step: Step) -> None:
    _require_plain(step)
    if step.option("padding") != Padding.VALID or step.inputs[1].shape[2] != 1:
        raise UnsupportedError("a convolution that pads, or goes across")
    if step.option("stride_w") not in (1, step.option("stride_h")) or step.option("dilation_w") != 1:
        raise UnsupportedError("a convolution that strides or dilates across")


def _require_plain(step: Step) -> None:
    if step.option("activation") != NO_ACTIVATION:
        raise UnsupportedError(f"an activation inside {step.operator.op.name}")


def _axis(step: Step, axis: int) -> int:
    if len(step.outputs[0].shape) != 4 or axis % 4 not in HERE:
        raise UnsupportedError(f"axis {axis} of a value of shape {step.outputs[0].shape}")
    return HERE[axis % 4]
