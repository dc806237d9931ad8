"""Lets an encoder take windows of any length.

Exports add a table of 1,500 positions to what the convolutions made of 30 s. Here the table is cut to the window's own
length first, so that 4 s cost 4 s. At 30 s nothing changes.
"""

from __future__ import annotations

import onnx
from onnx import helper

from voxduct.onnx.prepare.graphs import Scope, forget_shapes, insert_after, integers, set_dimension
from voxduct.onnx.prepare.report import NotRewritable

INPUT, OUTPUT = "input_features", "last_hidden_state"
CHANNELS, TIME = 1, 2  # axes of the input
TABLE_CARRIERS = frozenset({"Identity", "Cast", "Unsqueeze", "Squeeze", "Gather"})


def free_length(model: onnx.ModelProto) -> str:
    """Rewrites the encoder in place and says what was done; its output is `[batch, ceil(frames / 2), width]`.

    Raises:
        NotRewritable: no table of positions is added in this graph.
    """
    scope = Scope.of(model.graph)
    add, table = _table_of_positions(scope)
    if table is None:
        return "the export already takes any length"
    moving = next(name for name in add.input if name != table)
    _cut(model.graph, add, table, moving)
    _declare(model.graph)
    forget_shapes(model.graph)
    return f"positions are cut to the window's length at {add.name or add.output[0]}"


def _table_of_positions(scope: Scope) -> tuple[onnx.NodeProto, str | None]:
    """The first addition of a table to what comes from the convolutions; no table where it is cut already."""
    for node in scope.graph.node:
        if node.op_type != "Add" or not any(INPUT in scope.sources(name) for name in node.input):
            continue
        for name in node.input:
            if scope.sources(name):
                continue
            if _is_table(scope, name):
                return node, name
            if _is_cut(scope, name):
                return node, None
    raise NotRewritable("no table of positions is added after the convolutions")


def _is_table(scope: Scope, name: str) -> bool:
    """[positions, width] or [1, positions, width]; biases and the constants of an activation are smaller."""
    try:
        dims = list(_carried(scope, name).dims)
    except NotRewritable:
        return False
    return len(dims) >= 2 and dims[-2] > 1 and dims[-1] > 1


def _is_cut(scope: Scope, name: str) -> bool:
    node = scope.producer(name)
    return node is not None and node.op_type == "Slice" and _is_table(scope, node.input[0])


def _carried(scope: Scope, name: str) -> onnx.TensorProto:
    """The weights behind a tensor that is made of nothing else."""
    tensor, node = scope.constant(name), scope.producer(name)
    if tensor is not None:
        return tensor
    if node is None or node.op_type not in TABLE_CARRIERS:
        raise NotRewritable(f"{name} is not a table of weights")
    return _carried(scope, node.input[0])


def _cut(graph: onnx.GraphProto, add: onnx.NodeProto, table: str, moving: str) -> None:
    """table[..., :length, :], the length being that of what it is added to."""
    prefix = "voxduct/positions"
    graph.initializer.extend(
        [integers(f"{prefix}/zero", [0]), integers(f"{prefix}/one", [1]), integers(f"{prefix}/axis", [-2])]
    )
    made = [
        helper.make_node("Shape", [moving], [f"{prefix}/shape"], f"{prefix}/Shape"),
        helper.make_node("Gather", [f"{prefix}/shape", f"{prefix}/one"], [f"{prefix}/length"], f"{prefix}/Gather"),
        helper.make_node(
            "Slice",
            [table, f"{prefix}/zero", f"{prefix}/length", f"{prefix}/axis"],
            [f"{prefix}/cut"],
            f"{prefix}/Slice",
        ),
    ]
    add.input[list(add.input).index(table)] = f"{prefix}/cut"
    insert_after(graph, {table, moving}, made)


def _declare(graph: onnx.GraphProto) -> None:
    features = next(value for value in graph.input if value.name == INPUT)
    states = next(value for value in graph.output if value.name == OUTPUT)
    set_dimension(features, TIME, "feature_length")
    set_dimension(states, 1, "encoder_sequence_length")
