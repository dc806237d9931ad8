"""Makes a decoder say where it looks: the attention of its alignment heads as one more output.

Cross-attention is found by what it is, not by its name: a softmax over products with keys that come from the encoder
alone. Exports of any age and of any tool have that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import onnx
from onnx import TensorProto, helper

from voxduct.onnx.prepare.graphs import Scope, bodies, branches, forget_shapes, integers
from voxduct.onnx.prepare.report import NotRewritable

OUTPUT = "cross_attentions"
"""[batch, heads, tokens, frames], heads in the order asked for; each row sums to 1."""
PREFIX = "voxduct/attention"
PER_LAYER = "_attentions."
Head: TypeAlias = tuple[int, int]
"""Layer and head, both from 0."""


def default_heads(layers: int, heads: int) -> list[Head]:
    """All heads of the upper half of the layers, as Whisper does where nobody has measured which ones align."""
    return [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]


def expose_heads(model: onnx.ModelProto, wanted: Sequence[Head], *, layers: int, heads: int) -> str:
    """Adds `cross_attentions` to the decoder in place, in both branches of a merged one; says what was done.

    Raises:
        NotRewritable: a branch does not have one cross-attention for each layer that can be seen.
    """
    if any(value.name == OUTPUT for value in model.graph.output):
        return "the export already gives it"
    scopes = bodies(model.graph)
    found = [_cross_softmaxes(scope) for scope in scopes]
    for softmaxes in found:
        if len(softmaxes) != layers:
            raise NotRewritable(f"{len(softmaxes)} cross-attentions can be seen where there should be {layers}")
    _drop_attentions(model.graph)
    for scope, softmaxes in zip(scopes, found, strict=True):
        _stack(scope.graph, softmaxes, wanted, heads)
    if scopes[0].outer is not None:
        _pass_on(model.graph)
    forget_shapes(model.graph)
    return f"{len(wanted)} heads of {len({layer for layer, _ in wanted})} layers"


def _cross_softmaxes(scope: Scope) -> list[onnx.NodeProto]:
    """In the order of the layers: each feeds the next, and a graph is sorted."""
    return [node for node in scope.graph.node if node.op_type == "Softmax" and _is_cross(scope, node)]


def _is_cross(scope: Scope, softmax: onnx.NodeProto) -> bool:
    product = scope.scores(softmax)
    if product is None:
        return False
    sources = scope.sources(product.input[1])
    return bool(sources) and all(name == "encoder_hidden_states" or ".encoder." in name for name in sources)


def _stack(graph: onnx.GraphProto, softmaxes: Sequence[onnx.NodeProto], wanted: Sequence[Head], heads: int) -> None:
    made, parts, order = [], [], []
    for layer in sorted({layer for layer, _ in wanted}):
        indices = [head for at, head in wanted if at == layer]
        made += _chosen(graph, softmaxes[layer].output[0], layer, indices, heads)
        parts.append(f"{PREFIX}/{layer}/chosen")
        order += [(layer, head) for head in indices]
    made.append(helper.make_node("Concat", parts, [f"{PREFIX}/stacked"], f"{PREFIX}/Concat", axis=1))
    graph.initializer.append(integers(f"{PREFIX}/order", [order.index(head) for head in wanted]))
    made += [
        helper.make_node(
            "Gather", [f"{PREFIX}/stacked", f"{PREFIX}/order"], [f"{PREFIX}/ordered"], f"{PREFIX}/Order", axis=1
        ),
        # Half-precision decoders included: who reads this wants numbers, not a type per model.
        helper.make_node("Cast", [f"{PREFIX}/ordered"], [OUTPUT], f"{PREFIX}/Cast", to=TensorProto.FLOAT),
    ]
    graph.node.extend(made)
    graph.output.append(_declared(len(wanted)))


def _chosen(
    graph: onnx.GraphProto, weights: str, layer: int, indices: Sequence[int], heads: int
) -> list[onnx.NodeProto]:
    """Some heads of a layer; older exports fold the heads into the batch, so the shape is spelt out."""
    prefix = f"{PREFIX}/{layer}"
    graph.initializer.extend(
        [
            integers(f"{prefix}/last_two", [-2]),
            integers(f"{prefix}/end", [2**31]),
            integers(f"{prefix}/heads", [-1, heads]),
            integers(f"{prefix}/indices", list(indices)),
        ]
    )
    cut = [f"{prefix}/shape", f"{prefix}/last_two", f"{prefix}/end"]
    return [
        helper.make_node("Shape", [weights], [f"{prefix}/shape"], f"{prefix}/Shape"),
        helper.make_node("Slice", cut, [f"{prefix}/square"], f"{prefix}/Slice"),
        helper.make_node(
            "Concat", [f"{prefix}/heads", f"{prefix}/square"], [f"{prefix}/four"], f"{prefix}/Concat", axis=0
        ),
        helper.make_node("Reshape", [weights, f"{prefix}/four"], [f"{prefix}/all"], f"{prefix}/Reshape"),
        helper.make_node(
            "Gather", [f"{prefix}/all", f"{prefix}/indices"], [f"{prefix}/chosen"], f"{prefix}/Gather", axis=1
        ),
    ]


def _declared(count: int) -> onnx.ValueInfoProto:
    axes = ["batch_size", count, "decoder_sequence_length", "encoder_sequence_length"]
    return helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, axes)


def _pass_on(graph: onnx.GraphProto) -> None:
    """The branches' output becomes the merged decoder's."""
    merged = next(node for node in graph.node if node.op_type == "If")
    branch = next(attribute.g for attribute in merged.attribute)
    merged.output.append(OUTPUT)
    graph.output.append(branch.output[-1])


def _drop_attentions(graph: onnx.GraphProto) -> None:
    """Takes away attention outputs per layer, which some exports have: nobody reads them and they are large."""
    merged = next((node for node in graph.node if node.op_type == "If"), None)
    if merged is not None:
        for i in reversed(range(len(merged.output))):
            if PER_LAYER in merged.output[i]:
                del merged.output[i]
                for branch in branches(merged):
                    del branch.output[i]
    for i in reversed(range(len(graph.output))):
        if PER_LAYER in graph.output[i].name:
            del graph.output[i]
