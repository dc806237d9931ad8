"""What a folder with a Whisper in Hugging Face's ONNX layout holds: which graphs, and how to decode with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxduct.asr.options import DecodingOptions
from voxduct.errors import ModelError
from voxduct.onnx.whisper_layout import choose_graphs, streaming_form


@dataclass(frozen=True, slots=True)
class WhisperGraphs:
    """Paths of the graphs to load."""

    encoder: Path
    decoder: Path
    """Fed first; a merged one, or one that writes its cache in place, is fed always."""
    decoder_with_past: Path | None
    """Fed after the first time; None where one decoder is fed always."""
    streaming: Path | None = None
    """The encoder's other form, that hears a stream chunk by chunk (see `prepare.encoder_streaming`)."""


def find_graphs(folder: Path, precision: str | None = None) -> WhisperGraphs:
    """Chooses the graphs: those of `precision` (such as `int8` or `fp32`) where there are any, else the nearest.

    Raises:
        ModelError: the folder has no encoder or no decoder with a cache.
        UnknownModelError: no such precision.
    """
    chosen = choose_graphs({path.relative_to(folder).as_posix() for path in _graphs_in(folder)}, precision)
    if chosen is None:
        raise ModelError(
            f"{folder} holds no ONNX Whisper: expected onnx/encoder_model.onnx and onnx/decoder_model_merged.onnx (or "
            "decoder_model.onnx and decoder_with_past_model.onnx)"
        )
    with_past = chosen.decoder_with_past
    streaming = folder / streaming_form(chosen.encoder)
    return WhisperGraphs(
        folder / chosen.encoder,
        folder / chosen.decoder,
        None if with_past is None else folder / with_past,
        streaming if streaming.is_file() else None,
    )


def _graphs_in(folder: Path) -> list[Path]:
    return [path for pattern in ("*.onnx", "onnx/*.onnx") for path in folder.glob(pattern) if path.is_file()]


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
    """Suppressed tokens and the length limit, from `generation_config.json`, else from `config.json`.

    `streaming.tokens_per_s` in `config.json` is a hard limit of tokens per second of audio.
    """
    config = {**read_json(folder / "config.json"), **read_json(folder / "generation_config.json")}
    defaults = DecodingOptions()
    most = int(config.get("max_target_positions") or config.get("max_length") or 448)
    rate = (config.get("streaming") or {}).get("tokens_per_s")
    return DecodingOptions(
        max_tokens_per_s=defaults.max_tokens_per_s if rate is None else float(rate),
        spare_tokens=defaults.spare_tokens if rate is None else 0,
        suppress=tuple(config.get("suppress_tokens") or ()),
        begin_suppress=tuple(config.get("begin_suppress_tokens") or ()),
        max_tokens=min(defaults.max_tokens, most - 8),
    )
