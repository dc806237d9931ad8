"""Attention as one operation, where nobody needs to see inside.

ONNX Runtime's `MultiHeadAttention` goes over keys in blocks that stay in the cache, so the squares of weights of a
30-s window, tens of megabytes a layer, are never written. Its own offline optimiser, as its source reads, knows these
patterns only outside the branches of merged decoders; here they are found as cross-attention is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from voxduct.onnx.prepare.graphs import Scope
from voxduct.onnx.prepare.report import NotRewritable
from voxduct.onnx.prepare.shapes import HEADS_FIRST, drop_unread

DOMAIN = "com.microsoft"
KEYS_LAST = [0, 2, 3, 1]  # [batch, tokens, heads, width] to [batch, heads, width, tokens]


@dataclass(frozen=True, slots=True)
class Attention:
    """One attention over [batch, tokens, heads * width]; names of tensors."""

    query: str
    key: str
    value: str
    scale: float
    """Of the products; what the query was scaled by before is not in it."""
    end: onnx.NodeProto
    """The reshape that joins the heads."""


def fuse_attention(model: onnx.ModelProto, *, heads: int) -> str:
    """Fuses the self-attention of an encoder in place; says how many layers.

    Raises:
        NotRewritable: no attention of a known form is in the graph.
    """
    scope = Scope.of(model.graph)
    found = [one for node in model.graph.node if node.op_type == "Softmax" and (one := _attention(scope, node))]
    if any(node.op_type == "MultiHeadAttention" for node in model.graph.node) and not found:
        return "the export's attention is fused already"
    if not found:
        raise NotRewritable("no self-attention of a known form")
    for attention in found:
        end = attention.end
        fused = helper.make_node(
            "MultiHeadAttention",
            [attention.query, attention.key, attention.value],
            list(end.output),
            f"voxduct/fused/{end.name or end.output[0]}",
            domain=DOMAIN,
            num_heads=heads,
            scale=attention.scale,
        )
        end.CopyFrom(fused)
    drop_unread(model.graph)
    if DOMAIN not in {used.domain for used in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return f"{len(found)} layers"


def _attention(scope: Scope, softmax: onnx.NodeProto) -> Attention | None:
    """What a softmax is the middle of, if every step around it is one that the fused operation does too."""
    scores, scale = _unscaled(scope, softmax.input[0])
    product = scope.producers.get(scores)
    weighted = _only_reader(scope, softmax.output[0], "MatMul")
    if product is None or product.op_type != "MatMul" or weighted is None or weighted.input[0] != softmax.output[0]:
        return None
    joined = _only_reader(scope, weighted.output[0], "Transpose")
    end = None if joined is None or _order(joined) != HEADS_FIRST else _only_reader(scope, joined.output[0], "Reshape")
    queries, query_scale = _unscaled(scope, product.input[0])
    keys, key_scale = _unscaled(scope, product.input[1])
    query, key = _split(scope, queries, HEADS_FIRST), _split(scope, keys, KEYS_LAST)
    value = _split(scope, weighted.input[1], HEADS_FIRST)
    if query is None or key is None or value is None or end is None:
        return None
    return Attention(query, key, value, scale * query_scale * key_scale, end)


def _unscaled(scope: Scope, name: str) -> tuple[str, float]:
    """A tensor before it was multiplied by numbers, and their product."""
    scale = 1.0
    while (node := scope.producers.get(name)) is not None and node.op_type == "Mul":
        numbers = [scope.constant(one) for one in node.input]
        place = next((i for i, one in enumerate(numbers) if one is not None and np.prod(one.dims) == 1), None)
        if place is None:
            break
        scale *= float(numpy_helper.to_array(numbers[place]).reshape(-1)[0])
        name = node.input[1 - place]
    return name, scale


def _split(scope: Scope, name: str, order: list[int]) -> str | None:
    """The tensor whose heads were split and brought forward to make this one."""
    transposed = scope.producers.get(name)
    if transposed is None or transposed.op_type != "Transpose" or _order(transposed) != order:
        return None
    split = scope.producers.get(transposed.input[0])
    return None if split is None or split.op_type != "Reshape" else str(split.input[0])


def _only_reader(scope: Scope, name: str, kind: str) -> onnx.NodeProto | None:
    readers = [node for node in scope.graph.node if name in node.input]
    return readers[0] if len(readers) == 1 and readers[0].op_type == kind else None


def _order(transpose: onnx.NodeProto) -> list[int]:
    return [int(axis) for axis in transpose.attribute[0].ints]
