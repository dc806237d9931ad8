"""Runs TensorFlow Lite graphs in numpy, in floats, one operator at a time: what the converted graphs are held against.

Written from TensorFlow Lite's definitions, in its own layout [1, time, 1, channels], with loops instead of matrix
products. Integers with a scale are taken as the numbers that they stand for; QUANTIZE and DEQUANTIZE change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from voxduct.onnx.tflite import Op, Operator, Subgraph, Tensor, TfliteModel


class Reference:
    """One stream's run of a signature, with its variables."""

    def __init__(self, model: TfliteModel, signature: str) -> None:
        self._signature = model.signatures[signature]
        self._model, self._graph = model, model.subgraphs[self._signature.subgraph]
        self.variables: dict[str, np.ndarray] = {}
        self._started = False
        self._constants: dict[str, dict[int, np.ndarray]] = {}

    def run(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        given = {self._signature.inputs[name]: array for name, array in inputs.items()}
        values = self._run(self._graph, given)
        return {name: values[number] for name, number in self._signature.outputs.items()}

    def _run(self, graph: Subgraph, given: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        if graph.name not in self._constants:
            self._constants[graph.name] = {
                number: meant(tensor) for number, tensor in enumerate(graph.tensors) if tensor.data is not None
            }
        values = {**self._constants[graph.name], **given}
        names: dict[int, str] = {}
        for operator in graph.operators:
            match operator.op:
                case Op.CALL_ONCE:
                    if not self._started:
                        self._started = True
                        self._run(self._model.subgraphs[int(operator.options["subgraph"])], {})
                case Op.VAR_HANDLE:
                    names[operator.outputs[0]] = str(operator.options["name"])
                case Op.READ_VARIABLE:
                    values[operator.outputs[0]] = self.variables[names[operator.inputs[0]]]
                case Op.ASSIGN_VARIABLE:
                    self.variables[names[operator.inputs[0]]] = values[operator.inputs[1]]
                case _:
                    made = KERNELS[operator.op](operator, *(values[number] for number in operator.inputs))
                    made = made if isinstance(made, list) else [made]
                    values.update(zip(operator.outputs, made, strict=True))
        return values


def meant(tensor: Tensor) -> np.ndarray:
    assert tensor.data is not None
    if tensor.quantisation is None:
        return tensor.data
    scales, zeros = tensor.quantisation.scales, tensor.quantisation.zero_points
    if len(scales) == 1:
        return np.asarray(scales[0] * (tensor.data.astype(np.float32) - np.float32(zeros[0])))
    last = np.moveaxis(tensor.data.astype(np.float32), tensor.quantisation.axis, -1)
    return np.moveaxis(scales * (last - zeros.astype(np.float32)), -1, tensor.quantisation.axis)


def convolution(operator: Operator, value: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    assert operator.options["padding"] == 1
    step, (out, kernel, _, inner) = int(operator.options["stride_h"]), weights.shape
    moments = (value.shape[1] - kernel) // step + 1
    made = np.empty((1, moments, 1, out), np.float32)
    groups = value.shape[3] // inner
    for moment in range(moments):
        heard = value[0, moment * step : moment * step + kernel, 0].reshape(kernel, groups, inner)
        cut = weights[:, :, 0].reshape(groups, out // groups, kernel, inner)
        made[0, moment, 0] = np.einsum("kgi,goki->go", heard, cut).reshape(out) + bias
    return made


def depthwise(operator: Operator, value: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    kernel, apart = weights.shape[1], int(operator.options["dilation_h"])
    moments = value.shape[1] - (kernel - 1) * apart
    made = np.tile(bias.astype(np.float32), (1, moments, 1, 1))
    for moment in range(moments):
        for tap in range(kernel):
            made[0, moment, 0] += value[0, moment + tap * apart, 0] * weights[0, tap, 0]
    return made


def transposed(
    operator: Operator, shape: np.ndarray, weights: np.ndarray, value: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    step, kernel = int(operator.options["stride_h"]), weights.shape[1]
    made = np.tile(bias.astype(np.float32), (1, int(shape[1]), 1, 1))
    for moment in range(value.shape[1]):
        for tap in range(kernel):
            made[0, moment * step + tap, 0] += weights[:, tap, 0] @ value[0, moment, 0]
    return made


def strided_slice(
    operator: Operator, value: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray
) -> np.ndarray:
    index: list[slice | int] = []
    for axis in range(len(begin)):
        start = None if int(operator.options["begin_mask"]) >> axis & 1 else int(begin[axis])
        stop = None if int(operator.options["end_mask"]) >> axis & 1 else int(end[axis])
        if int(operator.options["shrink_axis_mask"]) >> axis & 1:
            index.append(0 if start is None else start)
        else:
            index.append(slice(start, stop, int(strides[axis])))
    return np.asarray(value[tuple(index)])


def one_hot(operator: Operator, indices: np.ndarray, depth: np.ndarray, on: np.ndarray, off: np.ndarray) -> np.ndarray:
    return np.where(indices[..., None] == np.arange(int(depth)), on, off)


def leaky_relu(operator: Operator, value: np.ndarray) -> np.ndarray:
    return np.where(value < 0, value * np.float32(operator.options["alpha"]), value)


def concatenation(operator: Operator, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=int(operator.options["axis"]))


def split(operator: Operator, axis: np.ndarray, value: np.ndarray) -> list[np.ndarray]:
    return np.split(value, int(operator.options["parts"]), axis=int(axis))


Kernel = Callable[..., np.ndarray | list[np.ndarray]]

KERNELS: Mapping[Op, Kernel] = {
    Op.ADD: lambda _, left, right: left + right,
    Op.SUB: lambda _, left, right: left - right,
    Op.MUL: lambda _, left, right: left * right,
    Op.SQUARED_DIFFERENCE: lambda _, left, right: (left - right) ** 2,
    Op.MAXIMUM: lambda _, left, right: np.maximum(left, right),
    Op.LESS: lambda _, left, right: left < right,
    Op.NOT_EQUAL: lambda _, left, right: left != right,
    Op.CAST: lambda _, value: value.astype(np.float32) if value.dtype == np.bool_ else value.astype(np.int32),
    Op.QUANTIZE: lambda _, value: value,
    Op.DEQUANTIZE: lambda _, value: value,
    Op.RESHAPE: lambda _, value, shape: value.reshape(shape),
    Op.SUM: lambda _, value, axis: value.sum(axis=int(axis), dtype=np.float32),
    Op.ARG_MIN: lambda _, value, axis: value.argmin(axis=int(axis)).astype(np.int32),
    Op.ARG_MAX: lambda _, value, axis: value.argmax(axis=int(axis)).astype(np.int32),
    Op.GATHER: lambda operator, value, indices: value.take(indices, axis=int(operator.options["axis"])),
    Op.PACK: lambda operator, *parts: np.stack(parts, axis=int(operator.options["axis"])),
    Op.ONE_HOT: one_hot,
    Op.LEAKY_RELU: leaky_relu,
    Op.CONCATENATION: concatenation,
    Op.SPLIT: split,
    Op.STRIDED_SLICE: strided_slice,
    Op.CONV_2D: convolution,
    Op.DEPTHWISE_CONV_2D: depthwise,
    Op.TRANSPOSE_CONV: transposed,
}
