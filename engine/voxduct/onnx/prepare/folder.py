"""The folder of a Whisper export: its graphs, its sizes, and what is copied as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxduct.errors import ModelError
from voxduct.onnx.prepare.cross_attention import Head, default_heads
from voxduct.onnx.prepare.proof import Inputs
from voxduct.onnx.whisper_files import read_json

ENCODER, MERGED, FIRST, NEXT = "encoder_model", "decoder_model_merged", "decoder_model", "decoder_with_past_model"
STREAMING = "encoder_streaming"
"""What preparing adds for an encoder that was trained for it."""
IN_PLACE = "decoder_model_in_place"
"""What preparing makes of the decoders."""
BESIDE = ("*.json", "*.txt", "*.model", "README.md", "LICENSE*")  # configuration, tokenizer, card
NOT_BESIDE = ("manifest.json", "prepared.json", "*.index.json")  # they speak of other files


@dataclass(frozen=True, slots=True)
class Export:
    """A Whisper as an exporter left it."""

    folder: Path
    encoder: Path
    decoders: dict[str, Path]
    """By stem: the merged one alone, or the first and the next, or the one in place of a prepared model."""
    inputs: Inputs
    encoder_heads: int
    layers: int
    """Of the decoder, as the heads that follow."""
    heads: int
    streams: bool
    """Whether the encoder learnt to hear chunk by chunk; the config's `streaming.left_frames` says how far back."""
    alignment: tuple[Head, ...]
    """As the generation config lists them, else the upper half of the layers."""

    @property
    def graphs(self) -> dict[str, Path]:
        """All graphs by stem."""
        return {ENCODER: self.encoder} | self.decoders

    @property
    def beside(self) -> list[Path]:
        """Files that any precision of the model needs as they are."""
        found = {path for pattern in BESIDE for path in self.folder.glob(pattern) if path.is_file()}
        return sorted(path for path in found if not any(path.match(pattern) for pattern in NOT_BESIDE))

    @property
    def files(self) -> list[Path]:
        """Every file that the prepared model depends on, weights beside a graph included."""
        weights = {path for graph in self.graphs.values() for path in graph.parent.glob(f"{graph.name}_data*")}
        weights |= {path for graph in self.graphs.values() for path in graph.parent.glob(f"{graph.name}.data")}
        return sorted({*self.graphs.values(), *weights, *self.beside})


def read_export(folder: Path) -> Export:
    """The unquantised export in a folder.

    Raises:
        ModelError: graphs in full precision are missing, or the config does not say the model's sizes.
    """
    encoder = _graph(folder, ENCODER)
    decoders = _decoders(folder)
    if encoder is None or not decoders:
        raise ModelError(
            f"{folder} holds no Whisper in full precision, which preparing starts from: expected "
            f"onnx/{ENCODER}.onnx and onnx/{MERGED}.onnx (or {FIRST}.onnx and {NEXT}.onnx); fetch those files too"
        )
    config = _Config(folder / "config.json")
    layers, heads = config.number("decoder_layers"), config.number("decoder_attention_heads")
    inputs = Inputs(
        config.number("num_mel_bins"),
        config.number("max_source_positions"),
        config.number("d_model"),
        config.number("vocab_size"),
    )
    encoder_heads = config.number("encoder_attention_heads")
    streams = "left_frames" in (read_json(folder / "config.json").get("streaming") or {})
    alignment = _alignment(folder, layers, heads)
    return Export(folder, encoder, decoders, inputs, encoder_heads, layers, heads, streams, alignment)


def _decoders(folder: Path) -> dict[str, Path]:
    for stem in (IN_PLACE, MERGED):
        if (whole := _graph(folder, stem)) is not None:
            return {stem: whole}
    first, following = _graph(folder, FIRST), _graph(folder, NEXT)
    return {} if first is None or following is None else {FIRST: first, NEXT: following}


def _graph(folder: Path, stem: str) -> Path | None:
    places = (folder / "onnx" / f"{stem}.onnx", folder / f"{stem}.onnx")
    return next((path for path in places if path.is_file()), None)


def _alignment(folder: Path, layers: int, heads: int) -> tuple[Head, ...]:
    path = folder / "generation_config.json"
    listed = read_json(path).get("alignment_heads")
    if not listed:
        return tuple(default_heads(layers, heads))
    try:
        wanted = tuple((int(layer), int(head)) for layer, head in listed)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} lists alignment_heads that are no pairs of numbers; fetch the model again") from error
    if any(not (0 <= layer < layers and 0 <= head < heads) for layer, head in wanted):
        raise ModelError(f"{path} lists alignment_heads that this model does not have; it belongs to another model")
    return wanted


class _Config:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = dict(read_json(path))

    def number(self, name: str) -> int:
        """A size; raises ModelError when it is not said."""
        value = self._values.get(name)
        if not isinstance(value, int) or value < 1:
            raise ModelError(f"{self._path} does not say {name}; the model's folder is incomplete, fetch it again")
        return value
