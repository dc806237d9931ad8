"""Writes the codec as two ONNX graphs with explicit `state_*` -> `out_state_*` tensors, config and manifest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from .codec_model import PROFILES
from .codec_vector import VectorCodec
from .manifest import write_manifest

CONFIG = {
    "model_type": "voxduct-codec",
    "sampling_rate": 16000,
    "frame_size": 320,
    "frame_rate": 50,
    "num_codebooks": 4,
    "cardinality": 1024,
    "delay_samples": 320,
    "noise_frames": 128,
}
DECODER_STATES = ("pitch", "phase", "pulses", "noise_frame", "overlap")


class EncoderGraph(nn.Module):
    def __init__(self, codec: VectorCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, audio: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        x, after = self.codec.analyser(audio, list(states))
        return self.codec.books.encode(x), *after


class DecoderGraph(nn.Module):
    def __init__(self, codec: VectorCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, codes: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        audio, after = self.codec.synthesis(self.codec.books.decode(codes), list(states))
        return audio, *after


def state_names(codec: VectorCodec) -> tuple[list[str], list[str]]:
    encoder = ["audio", *(f"block{i}" for i in range(len(codec.analyser.state_shapes) - 1))]
    return [f"state_{n}" for n in encoder], [f"state_{n}" for n in DECODER_STATES]


def write_graph(graph: nn.Module, path: Path, example: Tensor, names: tuple[str, str], states: list[str]) -> None:
    part = graph.codec.analyser if names[0] == "audio" else graph.codec.synthesis
    axes = {names[0]: {0: "batch", 2: "length"}, names[1]: {0: "batch", 2: "out_length"}}
    axes |= {n: {0: "batch"} for n in states} | {f"out_{n}": {0: "batch"} for n in states}
    torch.onnx.export(
        graph.eval(),
        (example, *VectorCodec.zeros(part.state_shapes, len(example))),
        str(path),
        input_names=[names[0], *states],
        output_names=[names[1], *(f"out_{n}" for n in states)],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def export(codec: VectorCodec, folder: Path, version: str) -> None:
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    encoder_states, decoder_states = state_names(codec)
    with torch.no_grad():
        audio, codes = torch.randn(2, 1, 3200) * 0.1, torch.randint(1024, (2, 4, 10))
        write_graph(EncoderGraph(codec), folder / "onnx/encoder.onnx", audio, ("audio", "codes"), encoder_states)
        write_graph(DecoderGraph(codec), folder / "onnx/decoder.onnx", codes, ("codes", "audio"), decoder_states)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    write_manifest(folder, "voxduct-codec-16k", "codec", version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="without one, random weights")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.manual_seed(0)
    codec = VectorCodec(given.profile)
    if given.checkpoint:
        codec.load_state_dict(torch.load(given.checkpoint, weights_only=True)["codec"])
    export(codec, given.folder, given.version)


if __name__ == "__main__":
    main()
