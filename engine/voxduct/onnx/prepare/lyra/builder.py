"""An ONNX graph in the making: nodes, weights, inputs and outputs, with names that never clash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # of the oldest ONNX Runtime that is supported
PRODUCER = "voxduct"


class GraphBuilder:
    """Collects a graph; every method returns names of values."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._made: set[str] = set()
        self._names: dict[str, str] = {}
        """Of values that are given out."""

    def input(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        """An input of the graph; a word in its shape is any size."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> None:
        """Gives out a value under a name of its own, which the node that makes it then writes itself."""
        if value in self._made and value not in self._names:
            self._names[value] = name
        else:
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def weight(self, array: npt.NDArray[np.generic]) -> str:
        """A constant; equal ones are kept once."""
        array = np.ascontiguousarray(array)
        tensor = numpy_helper.from_array(array)
        for same, known in self._weights.items():
            if known.data_type == tensor.data_type and known.dims == tensor.dims and known.raw_data == tensor.raw_data:
                return same
        name = f"w{len(self._weights)}"
        tensor.name = name
        self._weights[name] = tensor
        return name

    def node(self, kind: str, inputs: Sequence[str], **attributes: object) -> str:
        """A node with one output."""
        made = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [made], **attributes))
        self._made.add(made)
        return made

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        """A value in another shape; -1 is what remains."""
        return self.node("Reshape", [value, self.weight(np.array(shape, np.int64))])

    def model(self) -> onnx.ModelProto:
        """The whole graph, checked."""
        for node in self._nodes:
            for values in (node.input, node.output):
                values[:] = [self._names.get(value, value) for value in values]
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, initializer=list(self._weights.values())
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name=PRODUCER, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model
