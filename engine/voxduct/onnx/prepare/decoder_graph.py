"""A decoder written anew for the processor it runs on: one graph for the first run and all others.

Exports hand the whole cache from run to run and copy it for every token, compute the encoder's keys and values in the
decoder, and spell attention out in dozens of nodes. Here

- keys and values of earlier tokens lie in buffers with room to spare, and each run writes its own behind them in place
  (`GroupQueryAttention` with past and present bound to one buffer);
- keys and values of the encoder's states are outputs of the encoder, made once a window (`add_cross_outputs`);
- attention is one operation, cross-attention too, which tells its weights (`MultiHeadAttention`, output `qk`);
- hypotheses over one window share its keys and values: they are fed as if they were tokens of one row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from voxduct.onnx.prepare.cross_attention import OUTPUT as ATTENTION
from voxduct.onnx.prepare.cross_attention import Head
from voxduct.onnx.prepare.decoder_weights import AttentionWeights, DecoderWeights, LayerWeights, Linear, Norm
from voxduct.onnx.prepare.fusion import DOMAIN

OPSET = 18
EPSILON = 1e-5  # of Whisper's layer norms
STATES = "last_hidden_state"
FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32


def build_decoder(weights: DecoderWeights, alignment: Sequence[Head], *, heads: int) -> onnx.ModelProto:
    """The decoder in full precision.

    Inputs: `input_ids` [rows, tokens]; `positions` [tokens]; `seqlens_k` [rows], tokens of each row so far and now less
    one; `total_sequence_length`, the same as a number and not less one; `past_key_values.N.decoder.*` [rows, heads,
    room, width]; `past_key_values.N.encoder.*` [windows, heads, frames, width], each window of as many rows in a row.

    Outputs: `logits` [rows, tokens, vocabulary]; `present.N.decoder.*`, to be bound to the buffers of the inputs;
    `cross_attentions` [windows, alignment heads, rows of a window * tokens, frames].
    """
    return _DecoderBuilder(weights, alignment, heads).build()


def add_cross_outputs(encoder: onnx.ModelProto, weights: DecoderWeights, *, heads: int) -> None:
    """Gives an encoder the outputs `cross.N.key` and `cross.N.value`, [batch, heads, frames, width], in place."""
    builder = _Builder(heads)
    for i, layer in enumerate(weights.layers):
        for name, linear in (("key", layer.cross_attention.key), ("value", layer.cross_attention.value)):
            split = builder.split(builder.linear(STATES, linear, f"cross.{i}.{name}.all"), f"cross.{i}.{name}")
            axes = ["batch_size", heads, "frames", linear.weight.shape[1] // heads]
            encoder.graph.output.append(helper.make_tensor_value_info(split, FLOAT, axes))
    encoder.graph.node.extend(builder.nodes)
    encoder.graph.initializer.extend(builder.initializers)


class _Builder:
    """Nodes and weights as they are added; every method returns the name of what it computes."""

    def __init__(self, heads: int) -> None:
        self.heads = heads
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], f"voxduct/{kind}/{output}", **attributes))
        return output

    def weight(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def linear(self, x: str, linear: Linear, output: str) -> str:
        product = self.node("MatMul", [x, self.weight(f"{output}.weight", linear.weight)], f"{output}.product")
        if not linear.bias.any():
            self.nodes[-1].output[0] = output
            return output
        return self.node("Add", [product, self.weight(f"{output}.bias", linear.bias)], output)

    def split(self, x: str, output: str) -> str:
        """[batch, n, heads * width] to [batch, heads, n, width]."""
        shape = self.weight(f"{output}.shape", np.array([0, 0, self.heads, -1]))
        return self.node("Transpose", [self.node("Reshape", [x, shape], f"{output}.split")], output, perm=[0, 2, 1, 3])


class _DecoderBuilder(_Builder):
    def __init__(self, weights: DecoderWeights, alignment: Sequence[Head], heads: int) -> None:
        super().__init__(heads)
        self._weights = weights
        self._alignment = alignment
        self._width = weights.tokens.shape[1] // heads
        self._looks: dict[int, str] = {}

    def build(self) -> onnx.ModelProto:
        weights = self._weights
        self._row_shapes()
        tokens = self.node("Gather", [self.weight("tokens", weights.tokens), "input_ids"], "embedded")
        positions = self.node("Gather", [self.weight("positions.table", weights.positions), "positions"], "placed")
        x = self.node("Add", [tokens, positions], "x")
        normed = self._first_norm(x, weights.layers[0].self_attention.norm)
        for i, layer in enumerate(weights.layers):
            following = weights.layers[i + 1].self_attention.norm if i + 1 < len(weights.layers) else weights.norm
            x, normed = self._layer(x, normed, layer, i, following)
        self.node("MatMul", [normed, self.weight("logits.weight", weights.logits)], "logits")
        self._attention_output()
        return self._model()

    def _row_shapes(self) -> None:
        """Targets of reshapes between a row per hypothesis and a row per window."""
        size = self._weights.tokens.shape[1]
        self.node("Shape", ["past_key_values.0.encoder.key"], "windows", start=0, end=1)
        self.node("Shape", ["input_ids"], "rows", start=0, end=1)
        ends = self.weight("ends", np.array([-1, size]))
        self.node("Concat", ["windows", ends], "by_window", axis=0)
        self.node("Concat", ["rows", ends], "by_row", axis=0)

    def _layer(self, x: str, normed: str, layer: LayerWeights, i: int, following: Norm) -> tuple[str, str]:
        said = self._self_attention(normed, layer.self_attention, i)
        x, normed = self._norm(x, said, layer.cross_attention.norm, f"{i}.cross")
        heard = self._cross_attention(normed, layer.cross_attention, i)
        x, normed = self._norm(x, heard, layer.norm, f"{i}.feed")
        up = self.linear(normed, layer.up, f"{i}.up")
        bent = self.node("Gelu", [up], f"{i}.gelu", domain=DOMAIN)
        return self._norm(x, self.linear(bent, layer.down, f"{i}.down"), following, f"{i}.next")

    def _first_norm(self, x: str, norm: Norm) -> str:
        weights = self._norm_weights(norm, "first")
        return self.node("LayerNormalization", [x, *weights], "first.norm", axis=-1, epsilon=EPSILON)

    def _norm(self, x: str, added: str, norm: Norm, name: str) -> tuple[str, str]:
        """The sum of both, and its norm."""
        inputs = [x, added, *self._norm_weights(norm, name)]
        outputs = [f"{name}.norm", "", "", f"{name}.sum"]
        self.nodes.append(
            helper.make_node(
                "SkipLayerNormalization", inputs, outputs, f"voxduct/skip/{name}", domain=DOMAIN, epsilon=EPSILON
            )
        )
        return f"{name}.sum", f"{name}.norm"

    def _norm_weights(self, norm: Norm, name: str) -> list[str]:
        return [self.weight(f"{name}.scale", norm.weight), self.weight(f"{name}.offset", norm.bias)]

    def _self_attention(self, x: str, weights: AttentionWeights, i: int) -> str:
        parts = (weights.query, weights.key, weights.value)
        packed = Linear(np.concatenate([p.weight for p in parts], 1), np.concatenate([p.bias for p in parts]))
        cache = [f"past_key_values.{i}.decoder.{name}" for name in ("key", "value")]
        self.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [self.linear(x, packed, f"{i}.qkv"), "", "", *cache, "seqlens_k", "total_sequence_length"],
                [f"{i}.self", *(name.replace("past_key_values", "present") for name in cache)],
                f"voxduct/self/{i}",
                domain=DOMAIN,
                num_heads=self.heads,
                kv_num_heads=self.heads,
                scale=self._width**-0.5,
            )
        )
        return self.linear(f"{i}.self", weights.out, f"{i}.self.out")

    def _cross_attention(self, x: str, weights: AttentionWeights, i: int) -> str:
        query = self.node("Reshape", [self.linear(x, weights.query, f"{i}.query"), "by_window"], f"{i}.query.window")
        keys, values = (f"past_key_values.{i}.encoder.{name}" for name in ("key", "value"))
        seen = any(layer == i for layer, _ in self._alignment)
        outputs = [f"{i}.cross", "", "", f"{i}.looks"] if seen else [f"{i}.cross"]
        self.nodes.append(
            helper.make_node(
                "MultiHeadAttention",
                [query, keys, values],
                outputs,
                f"voxduct/cross/{i}",
                domain=DOMAIN,
                num_heads=self.heads,
                scale=self._width**-0.5,
            )
        )
        if seen:
            self._looks[i] = outputs[-1]
        by_row = self.node("Reshape", [f"{i}.cross", "by_row"], f"{i}.cross.row")
        return self.linear(by_row, weights.out, f"{i}.cross.out")

    def _attention_output(self) -> None:
        parts, order = [], []
        for layer, looks in self._looks.items():
            chosen = [head for at, head in self._alignment if at == layer]
            indices = self.weight(f"{layer}.aligned", np.array(chosen))
            parts.append(self.node("Gather", [looks, indices], f"{layer}.chosen", axis=1))
            order += [(layer, head) for head in chosen]
        stacked = self.node("Concat", parts, "chosen", axis=1)
        places = self.weight("order", np.array([order.index(head) for head in self._alignment]))
        ordered = self.node("Gather", [stacked, places], "aligned", axis=1)
        self.node("Softmax", [ordered], ATTENTION, axis=-1)  # what `qk` tells is the products

    def _model(self) -> onnx.ModelProto:
        info = helper.make_tensor_value_info
        vocabulary, count = self._weights.logits.shape[1], len(self._weights.layers)
        inputs = [
            info("input_ids", INT64, ["rows", "tokens"]),
            info("positions", INT64, ["tokens"]),
            info("seqlens_k", INT32, ["rows"]),
            info("total_sequence_length", INT32, []),
        ]
        outputs = [
            info("logits", FLOAT, ["rows", "tokens", vocabulary]),
            info(ATTENTION, FLOAT, ["windows", len(self._alignment), "rows_of_window_times_tokens", "frames"]),
        ]
        for i in range(count):
            for name in ("key", "value"):
                own, cross = ["rows", self.heads, "room", self._width], ["windows", self.heads, "frames", self._width]
                inputs.append(info(f"past_key_values.{i}.decoder.{name}", FLOAT, own))
                inputs.append(info(f"past_key_values.{i}.encoder.{name}", FLOAT, cross))
                outputs.append(info(f"present.{i}.decoder.{name}", FLOAT, own))
        looks = [info(name, FLOAT, None) for name in self._looks.values()]  # whose type ONNX Runtime cannot infer
        graph = helper.make_graph(self.nodes, "decoder", inputs, outputs, self.initializers, value_info=looks)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)
