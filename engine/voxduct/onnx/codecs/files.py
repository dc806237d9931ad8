"""Which of a folder's graphs to load: `onnx/encoder_model_fp16.onnx` and the like, as onnx-community publishes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voxduct.errors import ModelError, UnknownModelError
from voxduct.onnx.codecs.families import OWN, CodecFacts

# The most exact first: an encoder of 8-bit weights finds other codes, a decoder makes noise of its own.
PRECISIONS = ("fp32", "fp16", "int8", "quantized", "uint8", "q4", "bnb4", "q4f16")
_PLACES = ("onnx", ".")


@dataclass(frozen=True, slots=True)
class CodecFiles:
    """Graphs to load; one of them may be missing."""

    encoder: Path | None
    decoder: Path | None


def find_files(folder: Path, facts: CodecFacts, precision: str | None = None) -> CodecFiles:
    """The graphs of this precision; without one, each of the most exact that is there.

    Raises:
        ModelError: there are no graphs. UnknownModelError: none of this precision.
    """
    found = {stem: _variants(folder, stem) for stem in (facts.encoder, facts.decoder)}
    if not any(found.values()):
        raise ModelError(
            f"{folder} holds no graphs of a codec: expected onnx/{facts.encoder}.onnx and onnx/{facts.decoder}.onnx; "
            f"fetch them, or name others in {OWN}"
        )
    if precision is None:
        best = {stem: next(iter(variants.values()), None) for stem, variants in found.items()}
        return CodecFiles(best[facts.encoder], best[facts.decoder])
    if not any(precision in variants for variants in found.values()):
        there = ", ".join(one for one in PRECISIONS if any(one in variants for variants in found.values()))
        raise UnknownModelError(f"{folder} has no {precision}; it has {there}", param=precision)
    return CodecFiles(found[facts.encoder].get(precision), found[facts.decoder].get(precision))


def _variants(folder: Path, stem: str) -> dict[str, Path]:
    """Precision to path, the most exact first."""
    found = {}
    for precision in PRECISIONS:
        name = f"{stem}.onnx" if precision == "fp32" else f"{stem}_{precision}.onnx"
        paths = [path for place in _PLACES if (path := folder / place / name).is_file()]
        if paths:
            found[precision] = paths[0]
    return found
