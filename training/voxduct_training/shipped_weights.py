"""The network read back out of the int8 graphs that are shipped, to train on from them.

Rounding to int8 costs less than the first minutes of a training give back, and the graphs are there wherever the model
is. The middle CTC head, which is in no graph, comes from `ctc_heads.safetensors`. A machine that cannot make the graphs
writes half-precision weights instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import WhisperConfig

from voxduct_training.recognizer import Attention, Layer, Recognizer, Shape
from voxduct_training.whisper_weights import from_folder

Array = npt.NDArray[np.generic]
ENCODER, DECODER = "onnx/encoder_model_int8.onnx", "onnx/decoder_model_in_place_int8.onnx"
PARTS = 6  # matrices of an encoder layer: query, key, value, out, up, down


class Int8Graph:
    """The weights of one graph in full precision, by name; matrices as they multiply from the right."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(str(path)).graph
        self._arrays: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self._products = [node.input[1] for node in graph.node if node.op_type == "MatMulInteger"]

    def __getitem__(self, name: str) -> Tensor:
        """A vector or table, or the matrix that was called so before it was quantised; raises KeyError."""
        if f"{name}_quantized" in self._arrays:
            return self._matrix(f"{name}_quantized")
        table = self._arrays[name].astype(np.float32)
        return torch.from_numpy(table * self._arrays.get(f"{name}.scales", np.float32(1.0)))

    def get(self, name: str, count: int) -> Tensor:
        """A bias; zeros where all were zero, which graphs leave out."""
        return self[name] if name in self._arrays else torch.zeros(count)

    def matrices(self) -> Iterator[Tensor]:
        """All matrices in the order in which they are multiplied by."""
        return map(self._matrix, self._products)

    def _matrix(self, quantized: str) -> Tensor:
        name = quantized.removesuffix("_quantized")
        zero = self._arrays[f"{name}_zero_point"].astype(np.float32)
        scaled = (self._arrays[quantized].astype(np.float32) - zero) * self._arrays[f"{name}_scale"]
        return torch.from_numpy(np.ascontiguousarray(scaled.astype(np.float32)))


def read_weights(folder: Path) -> Recognizer:
    """The network of an exported model, to train on from or to export anew: from its graphs, else its weights."""
    return read_graphs(folder) if (folder / ENCODER).is_file() else from_folder(folder)


def read_graphs(folder: Path) -> Recognizer:
    """The network of a folder with the two int8 graphs, and `ctc_heads.safetensors` for the middle CTC head."""
    config = WhisperConfig.from_pretrained(folder)
    shape = Shape(config.vocab_size, config.d_model, config.encoder_attention_heads, config.encoder_layers)
    model = Recognizer(shape)
    encoder, decoder = Int8Graph(folder / ENCODER), Int8Graph(folder / DECODER)
    heads = load_file(folder / "ctc_heads.safetensors")
    with torch.no_grad():
        _read_encoder(model, encoder)
        _read_decoder(model, decoder, encoder)
        for name in ("weight", "bias"):
            getattr(model.middle_characters, name).copy_(heads[f"middle_characters.{name}"])
    return model


def _read_encoder(model: Recognizer, graph: Int8Graph) -> None:
    for name in ("conv1", "conv2"):
        convolution = getattr(model, name)
        convolution.weight.copy_(graph[f"{name}.weight"])
        convolution.bias.copy_(graph[f"{name}.bias"])
    matrices = graph.matrices()
    for number, layer in enumerate(model.encoder):
        assert isinstance(layer, Layer)
        query, key, value, out, up, down = (next(matrices) for _ in range(PARTS))
        name = f"layers.{number}"
        biases = [graph[f"{name}.self_attn.{part}_proj.bias"] for part in ("q", "v")]
        _set_joint(layer.attention, [query, key, value], [biases[0], torch.zeros_like(biases[0]), biases[1]])
        _set(layer.attention.out, out, graph[f"{name}.self_attn.out_proj.bias"])
        _set(layer.widen, up, graph[f"{name}.fc1.bias"])
        _set(layer.narrow, down, graph[f"{name}.fc2.bias"])
        _set_norm(layer.norm, graph[f"{name}.self_attn_layer_norm.weight"], graph[f"{name}.self_attn_layer_norm.bias"])
        _set_norm(layer.feed_norm, graph[f"{name}.final_layer_norm.weight"], graph[f"{name}.final_layer_norm.bias"])
    _set_norm(model.encoder_norm, graph["layer_norm.weight"], graph["layer_norm.bias"])
    _set(model.characters, graph["ctc.weight"], graph["ctc.bias"])


def _read_decoder(model: Recognizer, graph: Int8Graph, encoder: Int8Graph) -> None:
    """Names are those of `voxduct.onnx.prepare.decoder_graph`; norms are named after what they follow there."""
    width, norm = model.shape.width, "first"
    model.embedding.weight.copy_(graph["tokens"])
    model.token_positions.copy_(graph["positions.table"])
    for i, layer in enumerate(model.decoder):
        assert isinstance(layer, Layer)
        assert layer.cross is not None and layer.cross_norm is not None and layer.cross.query is not None
        _set(layer.attention.joint, graph[f"{i}.qkv.weight"], graph.get(f"{i}.qkv.bias", 3 * width))
        _set(layer.attention.out, graph[f"{i}.self.out.weight"], graph.get(f"{i}.self.out.bias", width))
        _set(layer.cross.query, graph[f"{i}.query.weight"], graph.get(f"{i}.query.bias", width))
        key, value = (encoder[f"cross.{i}.{kind}.all.weight"] for kind in ("key", "value"))
        biases = [encoder.get(f"cross.{i}.{kind}.all.bias", width) for kind in ("key", "value")]
        _set_joint(layer.cross, [key, value], biases)
        _set(layer.cross.out, graph[f"{i}.cross.out.weight"], graph.get(f"{i}.cross.out.bias", width))
        _set(layer.widen, graph[f"{i}.up.weight"], graph.get(f"{i}.up.bias", 4 * width))
        _set(layer.narrow, graph[f"{i}.down.weight"], graph.get(f"{i}.down.bias", width))
        _set_norm(layer.norm, graph[f"{norm}.scale"], graph[f"{norm}.offset"])
        _set_norm(layer.cross_norm, graph[f"{i}.cross.scale"], graph[f"{i}.cross.offset"])
        _set_norm(layer.feed_norm, graph[f"{i}.feed.scale"], graph[f"{i}.feed.offset"])
        norm = f"{i}.next"
    _set_norm(model.decoder_norm, graph[f"{norm}.scale"], graph[f"{norm}.offset"])


def _set(linear: nn.Linear, matrix: Tensor, bias: Tensor) -> None:
    linear.weight.copy_(matrix.T)
    linear.bias.copy_(bias)


def _set_joint(attention: Attention, matrices: list[Tensor], biases: list[Tensor]) -> None:
    _set(attention.joint, torch.cat(matrices, dim=1), torch.cat(biases))


def _set_norm(norm: nn.LayerNorm, weight: Tensor, bias: Tensor) -> None:
    norm.weight.copy_(weight)
    norm.bias.copy_(bias)
