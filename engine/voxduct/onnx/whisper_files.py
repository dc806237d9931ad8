"""What a folder with a Whisper in Hugging Face's ONNX layout holds: which graphs, and how to decode with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxduct.asr.options import DecodingOptions
from voxduct.errors import ModelError

PRECISIONS = ("int8", "quantized", "fp32", "fp16", "uint8", "q4", "bnb4")  # in the order they are looked for


@dataclass(frozen=True, slots=True)
class WhisperGraphs:
    """Paths of the graphs to load."""

    encoder: Path
    decoder: Path
    """Fed first; a merged decoder is fed always."""
    decoder_with_past: Path | None
    """Fed after the first time; None with a merged decoder."""


def find_graphs(folder: Path, precision: str | None = None) -> WhisperGraphs:
    """Chooses the graphs: those of `precision` (such as `int8` or `fp32`) where there are any, else the best there is.

    Raises:
        ModelError: the folder has no encoder or no decoder with a cache.
    """
    merged = _find(folder, "decoder_model_merged", precision)
    first = merged or _find(folder, "decoder_model", precision)
    with_past = None if merged else _find(folder, "decoder_with_past_model", precision)
    encoder = _find(folder, "encoder_model", precision)
    if encoder is None or first is None or (merged is None and with_past is None):
        raise ModelError(
            f"{folder} holds no ONNX Whisper: expected onnx/encoder_model.onnx and onnx/decoder_model_merged.onnx (or "
            "decoder_model.onnx and decoder_with_past_model.onnx)"
        )
    return WhisperGraphs(encoder, first, with_past)


def _find(folder: Path, stem: str, precision: str | None) -> Path | None:
    wanted = [precision] if precision else []
    for name in [*wanted, *PRECISIONS]:
        suffix = "" if name == "fp32" else f"_{name}"
        for place in (folder / "onnx", folder):
            path = place / f"{stem}{suffix}.onnx"
            if path.is_file():
                return path
    return None


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object; empty when there is no such file. Raises ModelError when it is not one."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}; fetch the model again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no JSON object; fetch the model again")
    return content


def is_multilingual(folder: Path) -> bool:
    """Whether the model wants a language before the text."""
    generation = read_json(folder / "generation_config.json")
    return bool(generation.get("is_multilingual", "lang_to_id" in generation))


def read_decoding(folder: Path) -> DecodingOptions:
    """Suppressed tokens and the length limit, from `generation_config.json`, else from `config.json`."""
    config = {**read_json(folder / "config.json"), **read_json(folder / "generation_config.json")}
    defaults = DecodingOptions()
    most = int(config.get("max_target_positions") or config.get("max_length") or 448)
    return DecodingOptions(
        suppress=tuple(config.get("suppress_tokens") or ()),
        begin_suppress=tuple(config.get("begin_suppress_tokens") or ()),
        max_tokens=min(defaults.max_tokens, most - 8),
    )
