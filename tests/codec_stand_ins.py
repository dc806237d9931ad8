"""Stand-ins for codecs that transformers does not have: SNAC and WavTokenizer.

They have the inputs, outputs and shapes that are published, and nothing else of those models: each code says how high
a stretch of sound is in the mean. What runs with them is proven for the shape alone.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.codec_exports import ExportedModel, write_config, write_graph

LEVELS = 64


def codes_of(sound: Tensor, size: int) -> Tensor:
    """[batch, 1, samples] to [batch, codes]: the mean of each stretch, in steps."""
    means = F.avg_pool1d(sound, size)
    return ((means + 1) * LEVELS / 2).round().clamp(0, LEVELS - 1).long()[:, 0]


def sound_of(codes: Tensor, size: int) -> Tensor:
    """[batch, codes] to [batch, 1, samples]: steps."""
    means = codes[:, None].float() * 2 / LEVELS - 1
    return means.repeat_interleave(size, dim=2)


class Snac(nn.Module):
    """Books of 4, 2 and 1 times the shortest stretch, each coding what those before it left."""

    sizes = (32, 16, 8)

    def encode(self, sound: Tensor) -> tuple[Tensor, ...]:
        found = []
        for size in self.sizes:
            found.append(codes_of(sound, size))
            sound = sound - sound_of(found[-1], size)
        return tuple(found)

    def decode(self, *codes: Tensor) -> Tensor:
        parts = [sound_of(one, size) for one, size in zip(codes, self.sizes, strict=True)]
        return torch.stack(parts).sum(dim=0)


class Part(nn.Module):
    """One function of a module as a module."""

    def __init__(self, module: nn.Module, name: str) -> None:
        super().__init__()
        self.module, self._name = module, name

    def forward(self, *values: Tensor) -> object:
        return getattr(self.module, self._name)(*values)


def snac(folder: Path, fixed: bool = False) -> ExportedModel:
    """As in onnx-community/snac_24khz-ONNX: three tensors, [batch, n], [batch, 2 n] and [batch, 4 n].

    `fixed` makes a decoder of one length, as in laion/SNAC-24khz-decoder-onnx.
    """
    module = Snac()
    names = [f"audio_codes.{index}" for index in range(3)]
    axes = {name: {0: "batch", 1: f"frames_{name[-1]}"} for name in names}
    sound = {0: "batch", 2: "length"}
    audio = torch.randn(1, 1, 320) * 0.3
    path = folder / "onnx/encoder_model.onnx"
    write_graph(Part(module, "encode"), path, (audio,), {"input_values": sound, **axes}, names)
    path = folder / "onnx/decoder_model.onnx"
    axes = {name: {} for name in names} if fixed else axes
    write_graph(Part(module, "decode"), path, module.encode(audio), {**axes, "audio_values": sound}, ["audio_values"])
    config = {"sampling_rate": 2400, "encoder_rates": [2, 4], "vq_strides": [4, 2, 1], "codebook_size": LEVELS}
    write_config(folder, {"model_type": "snac", **config})
    return ExportedModel(module, folder)


class WavTokenizer(nn.Module):
    """One book; the encoder gives [books, batch, n], the decoder takes [batch, n] and gives [batch, samples]."""

    size = 20

    def encode(self, sound: Tensor) -> Tensor:
        return codes_of(sound[:, None], self.size)[None]

    def decode(self, codes: Tensor) -> Tensor:
        return sound_of(codes, self.size)[:, 0]


def wavtokenizer(folder: Path, fixed: bool = False) -> ExportedModel:
    """A decoder as in onnx-community/WavTokenizer-large-speech-75token_decode; an encoder, perhaps of one length."""
    module = WavTokenizer()
    audio = torch.randn(1, 400) * 0.3
    axes: dict[str, dict[int, str]] = {"audio": {}, "codes": {}} if fixed else {"audio": {1: "n"}, "codes": {2: "m"}}
    write_graph(Part(module, "encode"), folder / "onnx/encoder_model.onnx", (audio,), axes, ["codes"])
    codes = torch.randint(LEVELS, (1, 20))
    axes = {"codes": {0: "batch", 1: "n"}, "waveform": {0: "batch", 1: "length"}}
    write_graph(Part(module, "decode"), folder / "onnx/model.onnx", (codes,), axes, ["waveform"])
    write_config(folder, {"model_type": "custom"})
    facts = {"family": "wavtokenizer", "sampling_rate": 2400, "frame_size": 20, "cardinality": LEVELS}
    write_config(folder, {**facts, "decoder": "model"}, "codec.json")
    return ExportedModel(module, folder)
