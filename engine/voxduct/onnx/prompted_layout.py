"""Which of a repository's files make one language model that writes codes, and which its codec's decoder.

Pure choice among names, for folders and for hubs alike. Known is the layout of transformers.js and optimum: a graph
`onnx/model.onnx` (or `decoder_model_merged`), a precision as suffix, weights beside it in `model.onnx_data`,
`model.onnx_data_1` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voxduct.errors import ModelError, UnknownModelError

PRECISIONS = ("int8", "quantized", "uint8", "q4", "bnb4", "fp32", "fp16", "q4f16")  # as a CPU likes them
CODEC_PRECISIONS = ("fp32", "fp16", "int8", "quantized", "uint8", "q4", "bnb4", "q4f16")  # the most exact first
LM_STEMS, CODEC_STEMS = ("model", "decoder_model_merged", "decoder_model"), ("decoder_model", "model", "decoder")
_FOLDERS = ("onnx/", "")
_LM_NEEDED = ("config.json", "tokenizer.json")
_WELCOME = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "codec.json",
    "voice.json",
    "README.md",
    "LICENSE",
    "LICENSE.txt",
)


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """A graph and what goes with it."""

    files: tuple[str, ...]
    graph: str
    precision: str
    """Of the graph."""
    wanted: str | None
    """What was asked for."""

    @property
    def remark(self) -> str | None:
        """What was taken instead, where what was asked for is not there."""
        if self.wanted in (None, self.precision):
            return None
        return f"{self.wanted} is not there: takes {self.precision}"


def choose_lm(where: str, sizes: Mapping[str, int], precision: str | None) -> ChosenFiles:
    """Everything of a language model, from the names and sizes in bytes of what there is.

    `where` is what errors call the place.

    Raises:
        ModelError: a file is missing, or there is no graph.
        UnknownModelError: no such precision.
    """
    if missing := [name for name in _LM_NEEDED if name not in sizes]:
        raise ModelError(f"{where} lacks {' and '.join(missing)}; take a folder that has all files")
    return _choose(where, sizes, precision, LM_STEMS, PRECISIONS, "language model")


def choose_codec(where: str, sizes: Mapping[str, int], precision: str | None = None) -> ChosenFiles:
    """The decoder of a codec, in the most exact precision unless one is named; raises as `choose_lm` does."""
    return _choose(where, sizes, precision, CODEC_STEMS, CODEC_PRECISIONS, "codec")


def _choose(
    where: str,
    sizes: Mapping[str, int],
    precision: str | None,
    stems: tuple[str, ...],
    order: tuple[str, ...],
    what: str,
) -> ChosenFiles:
    if precision is not None and precision not in order:
        raise UnknownModelError(f"{precision!r} is no precision; choose of {', '.join(order)}", param=precision)
    for one in dict.fromkeys((precision or order[0], *order)):
        for name in (f"{folder}{stem}{_suffix(one)}.onnx" for folder in _FOLDERS for stem in stems):
            if name in sizes:
                beside = sorted(other for other in sizes if other.startswith((f"{name}_data", f"{name}.data")))
                welcome = [other for other in _WELCOME if other in sizes]
                needed = [other for other in _LM_NEEDED if other in sizes]
                files = tuple(dict.fromkeys([*needed, *welcome, name, *beside]))
                return ChosenFiles(files, name, one, precision)
    raise ModelError(f"{where} holds no ONNX {what}: expected onnx/{stems[0]}.onnx, or the same with a precision")


def _suffix(precision: str) -> str:
    return "" if precision == "fp32" else f"_{precision}"
