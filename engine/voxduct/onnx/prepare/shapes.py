"""Spells out the shapes of attention, so that nothing has to work them out for every token.

Exports compute the target of each reshape from the sizes of other tensors, in a dozen tiny nodes each; those nodes,
not the products, are what a decoder step of a small model waits for. Heads and their width are known: the target is
written down, and the nodes that nobody reads any more are dropped.
"""

from __future__ import annotations

import onnx
from onnx import numpy_helper

from voxduct.onnx.prepare.graphs import Scope, all_scopes, branches, integers

SPLIT, JOIN = "voxduct/shape/split", "voxduct/shape/join"
HEADS_FIRST = [0, 2, 1, 3]  # a transpose between [batch, tokens, heads, width] and [batch, heads, tokens, width]


def spell_out(model: onnx.ModelProto, *, heads: int, width: int) -> str:
    """Rewrites all reshapes into heads and out of them in place and says how many; `width` is that of one head."""
    scopes = all_scopes(model.graph)
    before = sum(len(scope.graph.node) for scope in scopes)
    count = sum(_spell_out(scope, heads, width) for scope in scopes)
    if not count:
        return "no reshape works out its target, or they are spelt out already"
    model.graph.initializer.extend([integers(SPLIT, [0, -1, heads, width]), integers(JOIN, [0, -1, heads * width])])
    drop_unread(model.graph)
    after = sum(len(scope.graph.node) for scope in all_scopes(model.graph))
    return f"{count} reshapes, {before} nodes to {after}"


def _spell_out(scope: Scope, heads: int, width: int) -> int:
    count = 0
    for node in scope.graph.node:
        if node.op_type != "Reshape":
            continue
        parts = _parts(scope, node.input[1])
        joined = _producer_is_transpose(scope, node.input[0])
        match parts:
            case [_, _, third, last] if third in (heads, -1) and last == width:
                node.input[1] = SPLIT
            case [None, _, last] if joined and last in (heads * width, -1):
                node.input[1] = JOIN
            case _:
                continue
        count += 1
    return count


def _parts(scope: Scope, name: str) -> list[int | None]:
    """The elements of a shape that nodes put together, None where they are not known; empty for any other shape."""
    node = scope.producers.get(name)
    if node is None or node.op_type != "Concat":
        return []
    parts: list[int | None] = []
    for one in node.input:
        tensor = scope.constant(one)
        parts += [None] if tensor is None else [int(value) for value in numpy_helper.to_array(tensor).reshape(-1)]
    return parts


def _producer_is_transpose(scope: Scope, name: str) -> bool:
    node = scope.producers.get(name)
    return node is not None and node.op_type == "Transpose" and list(node.attribute[0].ints) == HEADS_FIRST


def drop_unread(graph: onnx.GraphProto) -> None:
    """Takes away nodes whose outputs nothing reads, in branches too, and initializers left without a reader."""
    for scope in reversed(all_scopes(graph)):
        _drop_nodes(scope.graph)
    read = {name for scope in all_scopes(graph) for node in scope.graph.node for name in node.input}
    read |= {value.name for scope in all_scopes(graph) for value in scope.graph.output}
    for scope in all_scopes(graph):
        unread = [i for i, tensor in enumerate(scope.graph.initializer) if tensor.name not in read]
        for i in reversed(unread):
            del scope.graph.initializer[i]


def _drop_nodes(graph: onnx.GraphProto) -> None:
    """Backwards through a sorted graph, so that readers go before what they read."""
    read = {value.name for value in graph.output}
    unread = []
    for i in range(len(graph.node) - 1, -1, -1):
        node = graph.node[i]
        if not read & set(node.output):
            unread.append(i)
            continue
        read.update(node.input)
        for branch in branches(node):
            read.update(name for inner in all_scopes(branch) for one in inner.graph.node for name in one.input)
            read.update(value.name for inner in all_scopes(branch) for value in inner.graph.output)
    for i in unread:
        del graph.node[i]
