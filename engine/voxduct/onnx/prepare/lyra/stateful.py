"""A TensorFlow Lite graph with variables to an ONNX graph with states: each goes in and comes out of every run.

What comes out may be longer than what goes in: then its last moments are the state, see
`voxduct.onnx.prepare.lyra.carried`.

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
from voxduct.onnx.prepare.lyra.carried import find_carried
from voxduct.onnx.prepare.lyra.layers import CONSTANT_INPUTS, LAYERS, Step
from voxduct.onnx.prepare.lyra.shapes import UnsupportedError, moved
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
    """One pass over a graph's operators, in the order in which they run."""

    def __init__(self, graph: Subgraph, name: str) -> None:
        self._graph = graph
        self._build = GraphBuilder(name)
        self._values: dict[int, str] = {}
        """Tensors that were computed so far."""
        self._handles = {handle: variable for variable, handle in graph.variables().items()}
        self._variables: dict[str, str] = {}
        """What each variable holds now."""
        self._assigned: set[str] = set()
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Of what each variable holds now."""
        self._carried = find_carried(graph)
        self._unneeded = {id(operator) for one in self._carried.values() for operator in one.unneeded}
        self._without = {id(one.convolution): one.without for one in self._carried.values()}

    def run(self, given: int, wanted: int, input_name: str, output_name: str) -> onnx.ModelProto:
        tensors = self._graph.tensors
        self._values[given] = self._build.input(input_name, tensors[given].shape)
        for operator in self._graph.operators:
            if id(operator) not in self._unneeded:
                self._convert(operator)
        self._build.output(self._value(wanted), output_name, moved(tensors[wanted].shape))
        for variable, value in self._variables.items():
            self._build.output(value, OUT + state_name(variable), self._shapes[variable])
        return self._build.model()

    def _convert(self, operator: Operator) -> None:
        match operator.op:
            case Op.CALL_ONCE | Op.VAR_HANDLE:
                pass
            case Op.READ_VARIABLE:
                self._values[operator.outputs[0]] = self._read(operator)
            case Op.ASSIGN_VARIABLE:
                self._assign(self._variable(operator), operator.inputs[1])
            case op if op in LAYERS:
                self._layer(operator)
            case op:
                raise UnsupportedError(f"operator {op.name} has no translation")

    def _assign(self, variable: str, number: int) -> None:
        if variable in self._assigned or variable not in self._variables:
            raise UnsupportedError(f"{variable} is assigned twice, or before it is read")
        self._assigned.add(variable)
        source = self._carried[number].source if number in self._carried else number
        self._variables[variable] = self._value(source)
        self._shapes[variable] = moved(self._graph.tensors[source].shape)

    def _read(self, operator: Operator) -> str:
        variable = self._variable(operator)
        if variable in self._assigned:
            raise UnsupportedError(f"{variable} is read after it was assigned")
        if variable not in self._variables:
            shape = moved(self._graph.tensors[operator.outputs[0]].shape)
            self._variables[variable] = self._build.input(state_name(variable), shape)
            self._shapes[variable] = shape
        return self._variables[variable]

    def _variable(self, operator: Operator) -> str:
        try:
            return self._handles[operator.inputs[0]]
        except KeyError:
            raise UnsupportedError(f"{operator.op.name} of no variable") from None

    def _layer(self, operator: Operator) -> None:
        layouts = CONSTANT_INPUTS.get(operator.op, ())
        names = ["" if index in layouts else self._value(number) for index, number in enumerate(operator.inputs)]
        if ABSENT in operator.inputs:
            raise UnsupportedError(f"{operator.op.name} without all its inputs")
        step = Step(
            operator, self._tensors(operator.inputs), self._tensors(operator.outputs), names,
            self._without.get(id(operator)),
        )  # fmt: skip
        made = LAYERS[operator.op](self._build, step)
        self._values.update(zip(operator.outputs, made, strict=True))

    def _tensors(self, numbers: Sequence[int]) -> list[Tensor]:
        return [self._graph.tensors[number] for number in numbers]

    def _value(self, number: int) -> str:
        if number in self._values:
            return self._values[number]
        tensor = self._graph.tensors[number]
        if tensor.data is None:
            raise UnsupportedError(f"{tensor.name} is used before it is computed")
        self._values[number] = self._build.weight(tensor.values().reshape(moved(tensor.shape)))
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
