"""Which of a repository's files make one Whisper: pure choice among names, for folders and for hubs alike.

Known are the layouts of `onnx-community/whisper-*` and `*_timestamped`, `Xenova/whisper-*`, `distil-whisper/*`, and
what optimum writes: graphs in `onnx/` or at the top, a merged decoder or a split one (`decoder_model` and
`decoder_with_past_model`), a precision as suffix (`encoder_model_int8.onnx`), weights beside a graph
(`encoder_model.onnx_data`); and what preparing makes: the decoder
`decoder_model_in_place`, and for some the encoder's other form, `encoder_streaming`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from voxduct.errors import ModelError, UnknownModelError

PRECISIONS = ("int8", "quantized", "uint8", "fp32", "q4", "bnb4", "fp16", "q4f16")  # as a CPU likes them
_NEAREST = {"fp16": ("fp32",), "fp32": ("fp16",), "q4": ("bnb4",), "bnb4": ("q4",), "q4f16": ("fp16", "fp32")}
_HALF = {"fp16", "q4f16"}  # graphs that may exchange 16-bit tensors: not to be mixed with the others
_FOLDERS = ("onnx/", "")
_NEEDED = ("config.json", "tokenizer.json")
_WELCOME = (
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "normalizer.json",
    "README.md",
    "LICENSE",
)
WHOLE_GRAPH = 256 << 20  # bytes; a graph as large as this holds its weights, whatever else lies beside it


@dataclass(frozen=True, slots=True)
class GraphNames:
    """The graphs to load, as names inside a repository or folder."""

    encoder: str
    decoder: str
    """Fed first; a merged one, or one that writes its cache in place, is fed always."""
    decoder_with_past: str | None
    """Fed after the first time; None where one decoder is fed always."""
    encoder_precision: str
    decoder_precision: str

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        past = self.decoder_with_past
        return (self.encoder, self.decoder) if past is None else (self.encoder, self.decoder, past)


@dataclass(frozen=True, slots=True)
class WhisperFiles:
    """All files of one Whisper."""

    files: tuple[str, ...]
    precision: str
    """What was asked for."""
    graphs: GraphNames

    @property
    def remark(self) -> str | None:
        """What was taken instead, where what was asked for is not there."""
        taken = (self.graphs.encoder_precision, self.graphs.decoder_precision)
        if taken == (self.precision, self.precision):
            return None
        return f"{self.precision} is not there in full: takes the encoder in {taken[0]} and the decoder in {taken[1]}"


def choose_graphs(names: Collection[str], precision: str | None = None) -> GraphNames | None:
    """The graphs of `precision` where there are any, else those of the nearest; None if they make no Whisper.

    Encoder and decoder are of one precision if that can be had; a merged decoder goes before a split one.

    Raises:
        UnknownModelError: no such precision.
    """
    order = _preference(precision)
    for folder in _FOLDERS:
        encoders = [one for one in order if _graph(folder, "encoder_model", one) in names]
        decoders = {one: found for one in order if (found := _decoder(names, folder, one))}
        pairs = [(encoder, decoder) for encoder in encoders for decoder in decoders]
        if pairs:
            encoder, decoder = min(pairs, key=lambda pair: _cost(order, *pair))
            return GraphNames(_graph(folder, "encoder_model", encoder), *decoders[decoder], encoder, decoder)
    return None


def choose_files(where: str, sizes: Mapping[str, int], precision: str) -> WhisperFiles:
    """Everything that a Whisper of this precision needs, from the names and sizes in bytes of what there is.

    `where` is what errors call the place.

    Raises:
        ModelError: a file is missing, or there is no Whisper in the ONNX layout.
        UnknownModelError: no such precision.
    """
    graphs = choose_graphs(sizes, precision)
    if graphs is None:
        raise ModelError(f"{where} holds no ONNX Whisper: {_what_instead(sizes)}")
    if missing := [name for name in _NEEDED if name not in sizes]:
        raise ModelError(f"{where} lacks {' and '.join(missing)}; take a repository that has all files, or export one")
    streaming = [name for name in [streaming_form(graphs.encoder)] if name in sizes]
    wanted = (*graphs.names, *streaming)
    data = [name for graph in wanted for name in _data_of(sizes, graph)]
    welcome = [name for name in _WELCOME if name in sizes]
    return WhisperFiles((*_NEEDED, *welcome, *wanted, *data), precision, graphs)


def streaming_form(encoder: str) -> str:
    """What the other form of an encoder is called, that hears chunk by chunk."""
    return encoder.replace("encoder_model", "encoder_streaming")


def _preference(precision: str | None) -> tuple[str, ...]:
    if precision is None:
        return PRECISIONS
    if precision not in PRECISIONS:
        raise UnknownModelError(f"{precision!r} is no precision; choose of {', '.join(PRECISIONS)}", param=precision)
    return tuple(dict.fromkeys((precision, *_NEAREST.get(precision, ()), *PRECISIONS)))


def _cost(order: tuple[str, ...], encoder: str, decoder: str) -> tuple[bool, int, int]:
    mixed = (encoder in _HALF) != (decoder in _HALF)
    return mixed, order.index(encoder) + order.index(decoder), order.index(decoder)


def _decoder(names: Collection[str], folder: str, precision: str) -> tuple[str, str | None] | None:
    for stem in ("decoder_model_in_place", "decoder_model_merged"):
        if (whole := _graph(folder, stem, precision)) in names:
            return whole, None
    first, with_past = (_graph(folder, stem, precision) for stem in ("decoder_model", "decoder_with_past_model"))
    return (first, with_past) if first in names and with_past in names else None


def _graph(folder: str, stem: str, precision: str) -> str:
    return f"{folder}{stem}{'' if precision == 'fp32' else '_' + precision}.onnx"


def _data_of(sizes: Mapping[str, int], graph: str) -> list[str]:
    if sizes[graph] >= WHOLE_GRAPH:
        return []
    return sorted(name for name in sizes if name.startswith((f"{graph}_data", f"{graph}.data")))


def _what_instead(names: Collection[str]) -> str:
    if any(name.endswith((".safetensors", ".bin", ".pt")) for name in names):
        return "it has a checkpoint, of which `voxduct models export` makes one"
    return (
        "expected onnx/encoder_model.onnx and onnx/decoder_model_merged.onnx (or decoder_model.onnx and "
        "decoder_with_past_model.onnx)"
    )
