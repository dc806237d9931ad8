"""How each TensorFlow Lite operator is written in ONNX.

Sound over time lies as [1, time, 1, channels] there and as [1, 1, time, channels] here: the same numbers in the same
order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxduct.onnx.prepare.lyra.builder import GraphBuilder
from voxduct.onnx.prepare.lyra.convolutions import convolve
from voxduct.onnx.prepare.lyra.shapes import CHANNELS, HERE, UnsupportedError, moved
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

    def option(self, name: str) -> int:
        """A whole number among the options."""
        return int(self.operator.options[name])

    def constant(self, index: int) -> npt.NDArray[np.generic]:
        """An input that must be known beforehand, as it is meant."""
        if self.inputs[index].data is None:
            raise UnsupportedError(f"input {index} of {self.operator.op.name} is computed, and must be a constant")
        return self.inputs[index].values()


Layer = Callable[[GraphBuilder, Step], str]


def convolution(build: GraphBuilder, step: Step) -> str:
    """CONV_2D: weights [out, kernel, 1, in of a group]; in groups where the input has more channels."""
    _require_time_only(step)
    weights = step.constant(1)[:, :, 0]
    groups, rest = divmod(step.inputs[0].shape[CHANNELS], weights.shape[2])
    if rest or weights.shape[0] % groups:
        raise UnsupportedError(f"{step.inputs[0].shape[CHANNELS]} channels are no groups of {weights.shape[2]}")
    stride, dilation = step.option("stride_h"), step.option("dilation_h")
    bias = step.constant(2)
    return convolve(build, step.names[0], weights, bias, groups=groups, stride=stride, dilation=dilation)


def depthwise(build: GraphBuilder, step: Step) -> str:
    """DEPTHWISE_CONV_2D: weights [1, kernel, 1, channels], each channel by itself."""
    _require_time_only(step)
    if step.option("depth_multiplier") != 1:
        raise UnsupportedError("a convolution of single channels that makes several of one")
    weights = step.constant(1)[0, :, 0].T[:, :, None]
    stride, dilation = step.option("stride_h"), step.option("dilation_h")
    bias = step.constant(2)
    return convolve(build, step.names[0], weights, bias, groups=len(weights), stride=stride, dilation=dilation)


def leaky_relu(build: GraphBuilder, step: Step) -> str:
    """LEAKY_RELU."""
    return build.node("LeakyRelu", step.names[:1], alpha=float(step.operator.options["alpha"]))


def add(build: GraphBuilder, step: Step) -> str:
    """ADD; a list of one number per channel broadcasts over time in both layouts."""
    _require_plain(step)
    return build.node("Add", step.names)


def concatenation(build: GraphBuilder, step: Step) -> str:
    """CONCATENATION over time or channels."""
    _require_plain(step)
    return build.node("Concat", step.names, axis=_axis(step, step.option("axis")))


def reshape(build: GraphBuilder, step: Step) -> str:
    """RESHAPE; time, of any length, is on the same axis before and behind it."""
    before, after = step.inputs[0].shape, step.outputs[0].shape
    if math.prod(before) != math.prod(after):
        raise UnsupportedError(f"reshaping {before} to {after}")
    return build.reshape(step.names[0], moved(after, -1))


def as_it_is(build: GraphBuilder, step: Step) -> str:
    """QUANTIZE and DEQUANTIZE: activations stay floats, neither rounded nor clipped."""
    return step.names[0]


LAYERS: Mapping[Op, Layer] = {
    Op.ADD: add,
    Op.CONV_2D: convolution,
    Op.DEPTHWISE_CONV_2D: depthwise,
    Op.LEAKY_RELU: leaky_relu,
    Op.CONCATENATION: concatenation,
    Op.RESHAPE: reshape,
    Op.QUANTIZE: as_it_is,
    Op.DEQUANTIZE: as_it_is,
}
CONSTANT_INPUTS: Mapping[Op, Sequence[int]] = {
    Op.CONV_2D: (1, 2),
    Op.DEPTHWISE_CONV_2D: (1, 2),
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
