"""Writes a continuation model's folder: two language models, the voice's vector, cluster centres, config, manifest."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from voxduct.onnx.semantic import CENTRES, ENCODER, TOKEN_SAMPLES, Clusters

from .code_lm_model import BOOKS, CODES, DELAYS, NONE
from .continue_data import Clip, load
from .continue_model import (
    ACOUSTIC_CONTEXT,
    PROFILES,
    SEMANTIC_CONTEXT,
    VOICE_BOOKS,
    WINDOW,
    AcousticLm,
    SemanticLm,
)
from .continue_start import write_clusters
from .in_place import write_in_place
from .manifest import write_manifest
from .narrowed import narrow

NAME = "voxduct-continue"
SAMPLING = {
    "semantic_temperature": 0.9,
    "semantic_top_p": 0.9,
    "semantic_top_k": 40,
    "acoustic_temperatures": [0.7, 0.4, 0.0, 0.0],
    "acoustic_top_p": 0.85,
    "acoustic_top_k": 30,
}
SILENT_SHARE = 0.5  # of a token's frames that are pauses


class SemanticGraph(nn.Module):
    def __init__(self, model: SemanticLm) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, position: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, (key, value) = self.model(tokens, position, (key, value))
        return logits, key, value


class AcousticGraph(nn.Module):
    def __init__(self, model: AcousticLm) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        codes: Tensor,
        semantic: Tensor,
        phase: Tensor,
        speaker: Tensor,
        position: Tensor,
        key: Tensor,
        value: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        logits, (key, value) = self.model(codes, semantic, phase, speaker, position, (key, value))
        return logits, key, value


def write_graph(graph: nn.Module, path: Path, feeds: dict[str, Tensor], shape: dict[str, int]) -> None:
    """One transformer that remembers its last steps in buffers; `shape` as `shape_of` says it."""
    cache = torch.zeros(shape["num_layers"], 1, shape["num_heads"], 5, shape["head_dim"])
    steps = next(iter(feeds.values())).shape[1]
    inputs = feeds | {"position": torch.arange(steps)[None], "past_key": cache, "past_value": cache.clone()}
    axes: dict[str, dict[int, str]] = {n: {1: "steps"} for n in (*feeds, "position", "logits") if n != "speaker"}
    axes |= {n: {3: n.split("_")[0]} for n in ("past_key", "past_value", "present_key", "present_value")}
    torch.onnx.export(
        graph.eval(),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=["logits", "present_key", "present_value"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
        do_constant_folding=False,
    )
    write_in_place(
        path, layers=shape["num_layers"], heads=shape["num_heads"], head_dim=shape["head_dim"], context=shape["context"]
    )
    narrow(path)


def write_voice_vector(model: AcousticLm, path: Path) -> None:
    torch.onnx.export(
        model.speaker_encoder.eval(),
        (torch.zeros(1, VOICE_BOOKS, 100, dtype=torch.long),),
        str(path),
        input_names=["codes"],
        output_names=["speaker"],
        dynamic_axes={"codes": {2: "frames"}},
        opset_version=17,
        dynamo=False,
        do_constant_folding=False,
    )
    narrow(path)


def silent_tokens(clips: list[Clip], clusters: Clusters) -> list[int]:
    """Tokens that lie in pauses more often than not, by the clips whose phones are known."""
    paused, every = np.zeros((2, len(clusters.centres)))
    for clip in clips:
        if clip.phones:
            tokens = clusters.nearest(clip.features.astype(np.float32))
            ends = np.array([end for _, end in clip.phones])
            middles = np.arange(len(tokens)) * TOKEN_SAMPLES + TOKEN_SAMPLES // 2
            place = np.minimum(np.searchsorted(ends, middles, side="right"), len(ends) - 1)
            silent = np.array([clip.phones[p][0] == "pau" for p in place])
            np.add.at(every, tokens, 1)
            np.add.at(paused, tokens, silent)
    return [int(token) for token in np.flatnonzero(paused > SILENT_SHARE * np.maximum(every, 1))]


def shape_of(model: SemanticLm | AcousticLm, context: int) -> dict[str, int]:
    width = model.norm.weight.shape[0]
    return {
        "num_layers": len(model.layers),
        "num_heads": model.heads,
        "head_dim": width // model.heads,
        "context": context,
    }


def config(semantic: SemanticLm, acoustic: AcousticLm, silent: list[int]) -> dict[str, Any]:
    return {
        "model_type": "voxduct-continuation",
        "codec": "voxduct-codec-16k",
        "token_rate": 25,
        "num_mels": 80,
        "clusters": semantic.clusters,
        "silent_tokens": silent,
        "none_code": NONE,
        "num_codebooks": BOOKS,
        "cardinality": CODES,
        "delays": list(DELAYS),
        "voice_books": VOICE_BOOKS,
        "semantic_lm": shape_of(semantic, SEMANTIC_CONTEXT),
        "acoustic_lm": shape_of(acoustic, ACOUSTIC_CONTEXT),
        "sampling": SAMPLING,
    }


def export(
    semantic: SemanticLm,
    acoustic: AcousticLm,
    clusters: Clusters,
    silent: list[int],
    encoder: Path,
    folder: Path,
    version: str,
) -> None:
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    if not (folder / ENCODER).exists():
        shutil.copyfile(encoder, folder / ENCODER)
    write_clusters(clusters, folder / CENTRES)
    settings = config(semantic, acoustic, silent)
    steps = 3
    codes = torch.zeros(1, steps, BOOKS, dtype=torch.long)
    feeds = {
        "codes": codes,
        "semantic": torch.zeros(1, steps, WINDOW, dtype=torch.long),
        "phase": torch.zeros(1, steps, dtype=torch.long),
        "speaker": torch.zeros(1, acoustic.speaker_size),
    }
    with torch.no_grad():
        tokens = {"tokens": codes[:, :, 0]}
        heard, said = settings["semantic_lm"], settings["acoustic_lm"]
        write_graph(SemanticGraph(semantic), folder / "onnx/semantic_lm.onnx", tokens, heard)
        write_graph(AcousticGraph(acoustic), folder / "onnx/acoustic_lm.onnx", feeds, said)
        write_voice_vector(acoustic, folder / "onnx/voice_vector.onnx")
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    write_manifest(folder, NAME, "continuation", version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path, help="semantic.npz, semantic.pt, acoustic.pt")
    parser.add_argument("clips", type=Path, nargs="+", help="files that continue_data wrote, some with phones")
    parser.add_argument("--encoder", type=Path, required=True, help="the semantic encoder's graph")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    clusters = Clusters.read(given.work / CENTRES)
    shapes, count = PROFILES[given.profile], len(clusters.centres)
    semantic = SemanticLm(**shapes["semantic"], clusters=count)
    acoustic = AcousticLm(**shapes["acoustic"], clusters=count)
    for model, name in ((semantic, "semantic"), (acoustic, "acoustic")):
        model.load_state_dict(torch.load(given.work / f"{name}.pt", weights_only=True)["model"])
    silent = silent_tokens(load(given.clips), clusters)
    export(semantic, acoustic, clusters, silent, given.encoder, given.folder, given.version)


if __name__ == "__main__":
    main()
