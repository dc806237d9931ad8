"""ONNX graphs as something to search: who makes a tensor, and which inputs its values come from.

A merged decoder is one `If` whose branches see the tensors of the graph around them, so every search goes outwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx
from onnx import helper

RESHAPING = frozenset({"Reshape", "Expand", "Tile", "Slice", "Unsqueeze", "Squeeze", "Split", "Pad", "ScatterND"})
"""Their first input is the data, the others say how to cut it."""
VALUELESS = frozenset({"Shape", "Size", "ConstantOfShape", "Range"})
"""Their outputs depend on sizes, not on values."""
PRODUCTS = frozenset({"MatMul", "FusedMatMul"})


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A graph, and the graph around it where it is a branch."""

    graph: onnx.GraphProto
    outer: Scope | None
    producers: dict[str, onnx.NodeProto]
    initializers: dict[str, onnx.TensorProto]

    @classmethod
    def of(cls, graph: onnx.GraphProto, outer: Scope | None = None) -> Scope:
        """Reads the graph as it is now; make a new one after nodes were added."""
        producers = {name: node for node in graph.node for name in node.output if name}
        return cls(graph, outer, producers, {tensor.name: tensor for tensor in graph.initializer})

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a tensor; None for inputs and weights."""
        node = self.producers.get(name)
        return self.outer.producer(name) if node is None and self.outer is not None else node

    def constant(self, name: str) -> onnx.TensorProto | None:
        """A tensor whose values are in the file, as an initializer or as a `Constant`."""
        if name in self.initializers:
            return self.initializers[name]
        node = self.producers.get(name)
        if node is not None:
            return (
                next((a.t for a in node.attribute if a.name == "value"), None) if node.op_type == "Constant" else None
            )
        return None if self.outer is None else self.outer.constant(name)

    def sources(self, name: str) -> frozenset[str]:
        """The graph inputs that the *values* of a tensor come from; those that only size it are left out."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one in seen or not one:
                continue
            seen.add(one)
            node = self.producer(one)
            if node is not None:
                waiting += data_inputs(node)
            elif self.constant(one) is None:
                found.add(one)
        return frozenset(found)

    def scores(self, softmax: onnx.NodeProto) -> onnx.NodeProto | None:
        """The product of queries and keys that a softmax is over, through scaling, masks and casts."""
        level = [softmax.input[0]]
        for _ in range(8):
            nodes = [node for name in level if (node := self.producers.get(name)) is not None]
            products = [n for n in nodes if n.op_type in PRODUCTS and self.constant(n.input[1]) is None]
            if products:
                return products[0]
            level = [name for node in nodes for name in data_inputs(node)]
        return None


def data_inputs(node: onnx.NodeProto) -> list[str]:
    """The inputs that a node's values come from."""
    if node.op_type in VALUELESS:
        return []
    return list(node.input[:1] if node.op_type in RESHAPING else node.input)


def branches(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs inside a node."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g


def bodies(graph: onnx.GraphProto) -> list[Scope]:
    """Where the layers are: the branches of a merged decoder, else the graph itself."""
    whole = Scope.of(graph)
    inside = [Scope.of(branch, whole) for node in graph.node for branch in branches(node)]
    return inside or [whole]


def all_scopes(graph: onnx.GraphProto, outer: Scope | None = None) -> list[Scope]:
    """The graph and everything inside it, outermost first."""
    scope = Scope.of(graph, outer)
    return [scope, *(inner for node in graph.node for branch in branches(node) for inner in all_scopes(branch, scope))]


def insert_after(graph: onnx.GraphProto, names: set[str], made: list[onnx.NodeProto]) -> None:
    """Puts nodes behind whatever makes any of `names`; ONNX wants a graph sorted."""
    place = max((i + 1 for i, node in enumerate(graph.node) if names & set(node.output)), default=0)
    for offset, node in enumerate(made):
        graph.node.insert(place + offset, node)


def integers(name: str, values: list[int]) -> onnx.TensorProto:
    """A vector to put among a graph's initializers."""
    return helper.make_tensor(name, onnx.TensorProto.INT64, [len(values)], values)


def set_dimension(value: onnx.ValueInfoProto, axis: int, name: str) -> None:
    """Lets an input's or output's axis have any length."""
    dimension = value.type.tensor_type.shape.dim[axis]
    dimension.ClearField("dim_value")
    dimension.dim_param = name


def forget_shapes(graph: onnx.GraphProto) -> None:
    """Drops what the file says about shapes in between: after a rewrite it may be wrong, and it is only a hint."""
    for scope in all_scopes(graph):
        del scope.graph.value_info[:]
