"""Writes the codec as two ONNX graphs with explicit `state_*` -> `out_state_*` tensors, config and manifest."""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from .codec_model import MELS, PROFILES
from .codec_vector import BAND_WEIGHT, BANDS, CEPSTRA, PITCH_WEIGHT, WIDTH, VectorCodec
from .halved import halve
from .manifest import write_manifest

NAME = "voxduct-codec-16k"
ENCODER, DECODER = "onnx/encoder.onnx", "onnx/decoder.onnx"
CONFIG = {
    "model_type": "voxduct-codec",
    "sampling_rate": 16000,
    "frame_size": 320,
    "frame_rate": 50,
    "num_codebooks": 4,
    "cardinality": 1024,
    "delay_samples": 320,
    "noise_frames": 128,
    "parameters": {
        "pitch": [CEPSTRA, WIDTH // 2 + CEPSTRA],
        "pitch_per_octave": PITCH_WEIGHT,
        "loudness": [0, WIDTH // 2],
        # The first cepstrum is sqrt(MELS) times the mean of natural logarithms of power.
        "loudness_per_db": round(math.sqrt(MELS) * math.log(10.0) / 10.0, 4),
        "voicing": [half + CEPSTRA + 1 + band for half in (0, WIDTH // 2) for band in (0, 1)],  # up to 2 kHz or so
        "cepstra": {
            "count": CEPSTRA,
            "bands": MELS,
            "floor": 1e-4,  # as `codec_model.Features` adds it
            "voicing": [half + CEPSTRA + 1 + band for half in (0, WIDTH // 2) for band in range(BANDS)],
            "unvoiced": -0.8 * BAND_WEIGHT,
        },
    },
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
    refined = (f"refined{i}" for i in range(len(codec.synthesis.refiner.state_shapes)))
    return [f"state_{n}" for n in encoder], [f"state_{n}" for n in (*DECODER_STATES, *refined)]


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


def write_decoder(codec: VectorCodec, path: Path) -> None:
    """The refiner's weights in half precision."""
    codes, states = torch.randint(1024, (2, 4, 10)), state_names(codec)[1]
    with torch.no_grad():
        write_graph(DecoderGraph(codec), path, codes, ("codes", "audio"), states)
    weights = [p for p in codec.synthesis.refiner.parameters() if p.ndim > 1]
    # A linear layer is a product with its weight turned round; a convolution's is stored as it is.
    halve(path, {tuple(w.T.shape) if w.ndim == 2 else tuple(w.shape) for w in weights})


def export(codec: VectorCodec, folder: Path, version: str) -> None:
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        audio = torch.randn(2, 1, 3200) * 0.1
        write_graph(EncoderGraph(codec), folder / ENCODER, audio, ("audio", "codes"), state_names(codec)[0])
    write_decoder(codec, folder / DECODER)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    write_manifest(folder, NAME, "codec", version)


def export_refined(codec: VectorCodec, folder: Path, like: Path, version: str) -> None:
    """The decoder of a codec whose other half is in the folder `like`."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    for name in (ENCODER, "config.json"):
        if folder.resolve() != like.resolve():
            shutil.copyfile(like / name, folder / name)
    write_decoder(codec, folder / DECODER)
    write_manifest(folder, NAME, "codec", version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="without one, random weights")
    parser.add_argument("--like", type=Path, help="the exported codec that the checkpoint refines (codec_refine)")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.manual_seed(0)
    codec = VectorCodec(given.profile)
    if given.checkpoint:
        codec.load_state_dict(torch.load(given.checkpoint, weights_only=True)["codec"])
    if given.like:
        export_refined(codec, given.folder, given.like, given.version)
    else:
        export(codec, given.folder, given.version)


if __name__ == "__main__":
    main()
