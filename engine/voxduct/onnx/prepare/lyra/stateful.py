"""A TensorFlow Lite graph with variables to an ONNX graph with states: each goes in and comes out of every run.

What comes out is longer than what goes in, and its last moments are the state. A layer joins what it remembers with
what is new, and keeps the end of that; whoever runs the graph can read it where it lies, so the graph gives out the
whole. There a run takes one frame; here it takes any number of them.

Differences to what TensorFlow Lite computes: it runs part of the layers on int8 activations, so it rounds each of
their results to one of 256 steps and clips it to their range. Here weights have the values that their int8 stand for,
and activations are floats between all layers; they are neither rounded nor clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from voxduct.errors import ModelError
from voxduct.onnx.prepare.lyra.builder import GraphBuilder
from voxduct.onnx.prepare.lyra.convolutions import convolve_transposed, pieces_of
from voxduct.onnx.prepare.lyra.layers import CONSTANT_INPUTS, LAYERS, Step
from voxduct.onnx.prepare.lyra.links import Links
from voxduct.onnx.prepare.lyra.overhang import Upsampling, find_overhanging
from voxduct.onnx.prepare.lyra.shapes import CHANNELS, HERE, TIME, UnsupportedError, moved
from voxduct.onnx.tflite import Op, Operator, Subgraph, Tensor, TfliteModel
from voxduct.onnx.tflite.model import ABSENT

SIGNATURE = "serving_default"
STATE, OUT = "state_", "out_"
STATES_SUFFIX = "/states"


def convert_stateful(model: TfliteModel, path: Path, input_name: str, output_name: str) -> onnx.ModelProto:
    """The graph of a model with one input and one output; `path` is named in errors.

    Raises:
        ModelError: the model has other inputs or outputs, starts from other than zeros, or holds an operator that
            has no translation here.
    """
    signature = model.signatures.get(SIGNATURE)
    if signature is None or len(signature.inputs) != 1 or len(signature.outputs) != 1:
        raise ModelError(f"{path} has no signature {SIGNATURE} with one input and one output; it is another model")
    graph = model.subgraphs[signature.subgraph]
    (given,), (wanted,) = signature.inputs.values(), signature.outputs.values()
    try:
        _require_zeros(model, graph)
        return _Conversion(graph, path.stem).run(given, wanted, input_name, output_name)
    except UnsupportedError as error:
        raise ModelError(f"{path} cannot be converted: {error}") from error


def state_name(variable: str) -> str:
    """The input that carries a variable: `encoder_0/simpleconv/states` is `state_encoder_0_simpleconv`."""
    return STATE + variable.removesuffix(STATES_SUFFIX).replace("/", "_")


class _Conversion:
    """One pass over a graph's operators, in the order in which they run, of those that the results need."""

    def __init__(self, graph: Subgraph, name: str) -> None:
        self._graph, self._links = graph, Links(graph)
        self._build = GraphBuilder(name)
        self._values: dict[int, str] = {}
        """Tensors that were computed so far."""
        self._handles = {handle: variable for variable, handle in graph.variables().items()}
        self._overhanging = find_overhanging(self._links)
        self._kept = self._find_kept()
        self._states: dict[str, tuple[str, int]] = {}
        """By name of the output its value, and a tensor of the same channels."""

    def run(self, given: int, wanted: int, input_name: str, output_name: str) -> onnx.ModelProto:
        instead = {number: layer.source for number, layer in self._overhanging.items()}
        needed = self._links.needed([wanted, *self._kept.values()], instead)
        self._values[given] = self._build.input(input_name, self._shape(given, input_name))
        for operator in self._graph.operators:
            if needed.intersection(operator.outputs):
                self._convert(operator)
        self._build.output(self._value(wanted), output_name, self._shape(wanted, output_name))
        for variable, number in self._kept.items():
            self._states[OUT + state_name(variable)] = (self._value(number), number)
        for name, (value, number) in self._states.items():
            self._build.output(value, name, self._shape(number, name))
        return self._build.model()

    def _find_kept(self) -> dict[str, int]:
        """By variable the tensor whose last moments it keeps, without those that no layer needs any more."""
        unneeded = {handle for layer in self._overhanging.values() for handle in layer.variables}
        kept: dict[str, int] = {}
        for operator in self._graph.operators:
            if operator.op is Op.READ_VARIABLE and self._variable(operator) in kept:
                raise UnsupportedError(f"{self._variable(operator)} is read after it was assigned")
            if operator.op is Op.ASSIGN_VARIABLE and operator.inputs[0] not in unneeded:
                variable, source = self._variable(operator), self._links.end_of(operator.inputs[1])
                if source is None or variable in kept:
                    raise UnsupportedError(f"{variable} is assigned twice, or something else than the end of a value")
                kept[variable] = source
        return kept

    def _convert(self, operator: Operator) -> None:
        number = operator.outputs[0]
        match operator.op:
            case _ if number in self._overhanging:
                self._values[number] = self._upsample(self._overhanging[number])
            case Op.VAR_HANDLE:
                pass
            case Op.READ_VARIABLE:
                shape = moved(self._graph.tensors[number].shape, self._links.time(number))
                self._values[number] = self._build.input(state_name(self._variable(operator)), shape)
            case op if op in LAYERS:
                self._values[number] = self._layer(operator)
            case op:
                raise UnsupportedError(f"operator {op.name} has no translation")

    def _upsample(self, layer: Upsampling) -> str:
        """The moments that were heard are the state; it has the name of the first variable that it stands for."""
        kernels, moments = layer.kernels(self._links), self._links.time(layer.source)
        state = state_name(self._handles[layer.variables[0]])
        channels = self._graph.tensors[layer.source].shape[CHANNELS]
        before = self._build.input(state, (1, 1, pieces_of(kernels.shape[2], layer.stride) - 1, channels))
        heard = self._build.node("Concat", [before, self._value(layer.source)], axis=HERE[TIME])
        self._states[OUT + state] = (heard, layer.source)
        return convolve_transposed(
            self._build, heard, kernels, layer.biases(self._links), layer.late(self._links),
            stride=layer.stride, moments=moments,
        )  # fmt: skip

    def _shape(self, number: int, name: str) -> tuple[int | str, ...]:
        """Of an input or an output of any length."""
        return moved(self._graph.tensors[number].shape, f"{name}_time")

    def _variable(self, operator: Operator) -> str:
        try:
            return self._handles[operator.inputs[0]]
        except KeyError:
            raise UnsupportedError(f"{operator.op.name} of no variable") from None

    def _layer(self, operator: Operator) -> str:
        layouts = CONSTANT_INPUTS.get(operator.op, ())
        names = ["" if index in layouts else self._value(number) for index, number in enumerate(operator.inputs)]
        if ABSENT in operator.inputs:
            raise UnsupportedError(f"{operator.op.name} without all its inputs")
        step = Step(operator, self._tensors(operator.inputs), self._tensors(operator.outputs), names)
        made = LAYERS[operator.op](self._build, step)
        if operator.op is Op.CONV_2D and len(self._links.readers(operator.outputs[0])) > 1:
            # Added to later: ONNX Runtime would keep it in blocks and reshape them around each sum, did this not part
            # the convolution from the rest.
            made = self._build.reshape(made, moved(step.outputs[0].shape, -1))
        return made

    def _tensors(self, numbers: Sequence[int]) -> list[Tensor]:
        return [self._graph.tensors[number] for number in numbers]

    def _value(self, number: int) -> str:
        if number in self._values:
            return self._values[number]
        tensor = self._graph.tensors[number]
        if tensor.data is None:
            raise UnsupportedError(f"{tensor.name} is used before it is computed")
        if len(tensor.shape) > 1:
            raise UnsupportedError(f"{tensor.name} is a constant over time, and there may be several frames")
        self._values[number] = self._build.weight(tensor.values())
        return self._values[number]


def _require_zeros(model: TfliteModel, graph: Subgraph) -> None:
    """A stream's states begin as zeros; a file that begins otherwise is not what the runtime takes it for."""
    for call in graph.operators:
        if call.op is Op.CALL_ONCE:
            number = int(call.options["subgraph"])
            if number >= len(model.subgraphs):
                raise UnsupportedError(f"graph {number} is called, and there are {len(model.subgraphs)}")
            first = model.subgraphs[number]
            for operator in first.operators:
                data = first.tensors[operator.inputs[1]].data if operator.op is Op.ASSIGN_VARIABLE else np.zeros(0)
                if data is None or np.any(data):
                    raise UnsupportedError("its states do not begin as zeros")
