"""What an exported Whisper decoder is made of, read out of its graph.

Exporters of different ages and tools write the same network in different operations and under different names. What
they have in common is read here: each attention is a softmax between products of four matrices, each matrix product
is followed by its bias, and what lies between the attentions of a layer and the next is a norm and two matrices more.
Whatever does not fit is refused; what is read is proven later, by comparing outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from voxduct.onnx.prepare.graphs import Scope, bodies, data_inputs
from voxduct.onnx.prepare.report import NotRewritable

Array = npt.NDArray[np.float32]
CARRIERS = frozenset({"Identity", "Cast", "Transpose", "Unsqueeze", "Squeeze"})
"""What may stand between a weight and its use."""
PASSING = frozenset({"Reshape", "Transpose", "Identity", "Cast", "Concat", "Slice", "Unsqueeze", "Squeeze"})
"""What moves values about without changing them."""


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """y = x @ weight + bias."""

    weight: Array
    """Shape [in, out]."""
    bias: Array
    """Shape [out]; zeros where the model has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A layer norm's scale and offset, shape [width] each."""

    weight: Array
    bias: Array


@dataclass(frozen=True, slots=True, eq=False)
class AttentionWeights:
    """One attention with the norm before it; of a cross-attention, keys and values are of the encoder's states."""

    norm: Norm
    query: Linear
    key: Linear
    value: Linear
    out: Linear


@dataclass(frozen=True, slots=True, eq=False)
class LayerWeights:
    """One layer, in the order of computation."""

    self_attention: AttentionWeights
    cross_attention: AttentionWeights
    norm: Norm
    up: Linear
    down: Linear


@dataclass(frozen=True, slots=True, eq=False)
class DecoderWeights:
    """A whole decoder."""

    tokens: Array
    """Embeddings, shape [vocabulary, width]."""
    positions: Array
    """Shape [positions, width]."""
    layers: tuple[LayerWeights, ...]
    norm: Norm
    logits: Array
    """Shape [width, vocabulary]."""


def read_decoder(model: onnx.ModelProto, *, layers: int) -> DecoderWeights:
    """Reads the decoder of a first run: the graph itself, or that branch of a merged one.

    Raises:
        NotRewritable: it is not built as Whisper's decoders are.
    """
    failures = []
    for scope in bodies(model.graph):
        try:
            return _Reader(scope).read(layers)
        except NotRewritable as reason:  # the other branch has no keys of the encoder to read
            failures.append(str(reason))
    raise NotRewritable("; ".join(dict.fromkeys(failures)))


class _Reader:
    """Searches one graph."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in scope.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._linears = [node for node in scope.graph.node if self._is_linear(node)]
        self._norms = list(self._find_norms())

    def read(self, layers: int) -> DecoderWeights:
        softmaxes = [node for node in self._scope.graph.node if node.op_type == "Softmax"]
        if len(softmaxes) != 2 * layers:
            raise NotRewritable(f"{len(softmaxes)} attentions can be seen where there should be {2 * layers}")
        if len(self._norms) != 3 * layers + 1:
            raise NotRewritable(f"{len(self._norms)} norms can be seen where there should be {3 * layers + 1}")
        parts = [self._attention(node) for node in softmaxes]
        used = {id(node) for nodes, _ in parts for node in nodes}
        rest = [node for node in self._linears if id(node) not in used]
        if len(rest) != 2 * layers + 1:
            raise NotRewritable(f"{len(rest)} matrices outside attention, where there should be {2 * layers + 1}")
        made = []
        for i in range(layers):
            own, cross, norms = parts[2 * i][1], parts[2 * i + 1][1], self._norms[3 * i : 3 * i + 3]
            up, down = self._linear(rest[2 * i]), self._linear(rest[2 * i + 1])
            made.append(
                LayerWeights(AttentionWeights(norms[0], *own), AttentionWeights(norms[1], *cross), norms[2], up, down)
            )
        logits = self._matrix(rest[-1].input[1])
        tokens, positions = self._embeddings(logits.shape[::-1])
        return DecoderWeights(tokens, positions, tuple(made), self._norms[-1], logits)

    def _attention(self, softmax: onnx.NodeProto) -> tuple[list[onnx.NodeProto], tuple[Linear, Linear, Linear, Linear]]:
        scores = self._scope.scores(softmax)
        weighted = self._weighted(softmax.output[0])
        if scores is None or weighted is None:
            raise NotRewritable("an attention is of no known form")
        nodes = [
            self._behind(scores.input[0]),
            self._behind(scores.input[1]),
            self._behind(weighted.input[1]),
            self._ahead(weighted.output[0]),
        ]
        query, key, value, out = (self._linear(node) for node in nodes)
        return nodes, (query, key, value, out)

    def _weighted(self, weights: str) -> onnx.NodeProto | None:
        """The product of weights and values; some exports put zeros in the place of weights that are no numbers."""
        guard = self._next(weights, "Where")
        return self._next(weights if guard is None else guard.output[0], "MatMul")

    def _behind(self, name: str) -> onnx.NodeProto:
        """The matrix product that a tensor comes from, through scaling, bias and reshapes."""
        while (node := self._scope.producers.get(name)) is not None:
            if self._is_linear(node):
                return node
            moving = [one for one in data_inputs(node) if not self._is_weight(one)]
            if len(moving) != 1 or node.op_type not in PASSING | {"Mul", "Add", "Div"}:
                break
            name = moving[0]
        raise NotRewritable(f"{name} comes from no matrix product")

    def _ahead(self, name: str) -> onnx.NodeProto:
        """The matrix product that a tensor goes into, through reshapes."""
        for _ in range(6):
            readers = self._readers.get(name, [])
            node = next((one for one in readers if self._is_linear(one)), None)
            if node is not None:
                return node
            onwards = next((one for one in readers if one.op_type in PASSING and one.input[0] == name), None)
            if onwards is None:
                break
            name = onwards.output[0]
        raise NotRewritable(f"{name} goes into no matrix product")

    def _next(self, name: str, kind: str) -> onnx.NodeProto | None:
        return next((one for one in self._readers.get(name, []) if one.op_type == kind), None)

    def _linear(self, node: onnx.NodeProto) -> Linear:
        weight = self._matrix(node.input[1])
        zeros = np.zeros(weight.shape[1], np.float32)
        if node.op_type == "Gemm" and len(node.input) > 2:
            return Linear(weight, self._matrix(node.input[2]))
        add = self._next(node.output[0], "Add")
        bias = None if add is None else next((n for n in add.input if self._is_weight(n)), None)
        return Linear(weight, zeros if bias is None else self._matrix(bias).reshape(-1))

    def _find_norms(self) -> Iterator[Norm]:
        """Layer norms, as one operation or taken apart into the last two of theirs: times scale, plus offset."""
        for node in self._scope.graph.node:
            if node.op_type == "LayerNormalization":
                yield Norm(self._matrix(node.input[1]), self._matrix(node.input[2]))
            elif node.op_type == "Mul" and (scale := self._vector(node)) is not None:
                made = next((self._scope.producers.get(name) for name in node.input if name != scale), None)
                add = self._next(node.output[0], "Add")
                offset = None if add is None else self._vector(add)
                if made is not None and made.op_type == "Div" and offset is not None:
                    yield Norm(self._matrix(scale), self._matrix(offset))

    def _vector(self, node: onnx.NodeProto) -> str | None:
        return next((n for n in node.input if self._is_weight(n) and self._matrix(n).size > 1), None)

    def _embeddings(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """Tokens and positions: the tables of the model's width that rows are taken of."""
        tables = []
        for node in self._scope.graph.node:
            if node.op_type in ("Gather", "Slice") and self._is_weight(node.input[0]):
                table = self._matrix(node.input[0])
                if table.ndim == 2 and table.shape[1] == shape[1]:
                    tables.append(table)
        tokens = next((table for table in tables if table.shape == shape), None)
        positions = next((table for table in tables if table.shape != shape), None)
        if tokens is None or positions is None:
            raise NotRewritable("no tables of tokens and positions")
        return tokens, positions

    def _is_linear(self, node: onnx.NodeProto) -> bool:
        return node.op_type in ("MatMul", "Gemm") and self._is_weight(node.input[1])

    def _is_weight(self, name: str) -> bool:
        """Whether a tensor is made of weights alone."""
        tensor, node = self._scope.constant(name), self._scope.producer(name)
        if tensor is not None:
            return True
        return node is not None and node.op_type in CARRIERS and self._is_weight(node.input[0])

    def _matrix(self, name: str) -> Array:
        """The values of a weight, as its use sees them."""
        tensor, node = self._scope.constant(name), self._scope.producer(name)
        if tensor is not None:
            return np.asarray(numpy_helper.to_array(tensor), np.float32)
        if node is None or node.op_type not in CARRIERS:
            raise NotRewritable(f"{name} is no weight")
        value = self._matrix(node.input[0])
        match node.op_type:
            case "Transpose":
                return np.transpose(value, next((list(a.ints) for a in node.attribute if a.name == "perm"), None))
            case "Unsqueeze" | "Squeeze":
                return np.squeeze(value)
            case _:
                return value
