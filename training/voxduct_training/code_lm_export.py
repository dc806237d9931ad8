"""Writes the codec language model: lm_step.onnx, speaker_encoder.onnx, config.json and (given prompts) voices."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from .code_lm_model import BOOKS, CODES, CONTEXT, DELAYS, NONE, PHONES, CodeLm
from .halved import HALF, halve
from .in_place import write_in_place
from .manifest import write_manifest

# Detail books at their likeliest: sampled, they only add roughness.
SAMPLING = {
    "temperatures": [0.6, 0.3, 0.0, 0.0],
    "temperature": 0.6,
    "top_p": 0.8,
    "top_k": 25,
    "repetition_window": 0,
    "advance_threshold": 0.5,
}


STEP, SPEAKER = "onnx/lm_step.onnx", "onnx/speaker_encoder.onnx"


class StepGraph(nn.Module):
    """The language model with its cache as two tensors, [L, B, H, P, D] each."""

    def __init__(self, model: CodeLm) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        codes: Tensor,
        phones: Tensor,
        age: Tensor,
        speaker: Tensor,
        position: Tensor,
        past_key: Tensor,
        past_value: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logits, advance, kept = self.model(codes, phones, age, speaker, position, (past_key, past_value))
        return logits, advance, torch.stack([k for k, _ in kept]), torch.stack([v for _, v in kept])


def write_step(model: CodeLm, path: Path) -> None:
    batch, steps, past = 2, 3, 5
    cache = torch.zeros(len(model.layers), batch, model.heads, past, model.width // model.heads)
    example = (
        torch.zeros(batch, steps, BOOKS, dtype=torch.long),
        torch.zeros(batch, steps, 4, dtype=torch.long),
        torch.zeros(batch, steps, dtype=torch.long),
        torch.zeros(batch, model.speaker_size),
        torch.arange(steps)[None].repeat(batch, 1),
        cache,
        cache.clone(),
    )
    names = ["codes", "phones", "age", "speaker", "position", "past_key", "past_value"]
    axes: dict[str, dict[int, str]] = {n: {0: "batch", 1: "steps"} for n in ("codes", "phones", "age", "position")}
    axes |= {"speaker": {0: "batch"}, "logits": {0: "batch", 1: "steps"}, "advance": {0: "batch", 1: "steps"}}
    axes |= {n: {1: "batch", 3: "past"} for n in ("past_key", "past_value")}
    axes |= {n: {1: "batch", 3: "present"} for n in ("present_key", "present_value")}
    torch.onnx.export(
        StepGraph(model).eval(),
        example,
        str(path),
        input_names=names,
        output_names=["logits", "advance", "present_key", "present_value"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
        do_constant_folding=False,  # weights keep their names, so that `read_weights` finds them
    )
    sizes = {"layers": len(model.layers), "heads": model.heads, "head_dim": model.width // model.heads}
    write_in_place(path, **sizes, context=CONTEXT)


def write_speaker_encoder(model: CodeLm, path: Path) -> None:
    torch.onnx.export(
        model.speaker_encoder.eval(),
        (torch.zeros(1, BOOKS, 100, dtype=torch.long),),
        str(path),
        input_names=["codes"],
        output_names=["speaker"],
        dynamic_axes={"codes": {2: "frames"}},
        opset_version=17,
        dynamo=False,
        do_constant_folding=False,  # weights keep their names, so that `read_weights` finds them
    )


def config(model: CodeLm, durations: dict[str, Any], voices: list[dict[str, str]], default: str) -> dict[str, Any]:
    return {
        "model_type": "voxduct-codec-lm",
        "codec": "voxduct-codec-16k",
        "language": "en",
        "phones": PHONES,
        "pad_phone": "PAD",
        "unknown_phone": "UNK",
        "none_code": NONE,
        "num_codebooks": BOOKS,
        "cardinality": CODES,
        "delays": list(DELAYS),
        "num_layers": len(model.layers),
        "num_heads": model.heads,
        "head_dim": model.width // model.heads,
        "speaker_dim": model.speaker_size,
        "context_frames": CONTEXT,
        "phone_durations": durations,
        "sampling": SAMPLING,
        "default_voice": default,
        "voices": voices,
    }


def export(model: CodeLm, folder: Path, settings: dict[str, Any], version: str) -> None:
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / "voices").mkdir(exist_ok=True)
    with torch.no_grad():
        for write, path in ((write_step, STEP), (write_speaker_encoder, SPEAKER)):
            write(model, folder / path)
            halve(folder / path)
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    write_manifest(folder, "voxduct-voice-en", "codec-lm", version)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of an exported voice under the names of `CodeLm`, to train on from."""
    found = {}
    for path, here, there in ((STEP, "model.", ""), (SPEAKER, "", "speaker_encoder.")):
        for stored in onnx.load(folder / path).graph.initializer:
            if not stored.name.startswith(here):  # no weight
                continue
            name = there + stored.name.removesuffix(HALF).removeprefix(here)
            found[name] = torch.from_numpy(onnx.numpy_helper.to_array(stored).astype(np.float32))
    return found


def write_voice(path: Path, speaker: np.ndarray, codes: np.ndarray, phones: np.ndarray) -> None:
    np.savez(
        path,
        speaker=speaker.astype(np.float32),
        prompt_codes=codes.astype(np.int64),
        prompt_phones=phones.astype(np.int64),
    )


def random_export(folder: Path) -> None:
    """Names and shapes without training, for the engine's tests."""
    torch.manual_seed(0)
    model = CodeLm()
    durations = {p: {"mean": 4.0, "min": 1, "max": 12} for p in PHONES}
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    voices = []
    for name in ("ada", "ben", "angus", "nova"):
        phones = np.repeat(rng.integers(2, len(PHONES), 25), 4)
        write_voice(
            folder / "voices" / f"{name}.npz", rng.standard_normal(64), rng.integers(0, CODES, (4, 100)), phones
        )
        voices.append({"name": name, "description": "random weights"})
    export(model, folder, config(model, durations, voices, "ada"), "0.0.0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    random_export(parser.parse_args().folder)


if __name__ == "__main__":
    main()
