"""What clips that went through codecs add up to: rows of figures, and a table of them. Does no I/O.

kbps             bits that were sent / seconds of sound, without the headers of files
mel_distance     mean over clips; so are stoi and pesq: see `voxduct.bench.fidelity`
encode_ms, decode_ms
                 milliseconds of processor time per second of sound
wer              of the embedded recogniser over what was decoded; wer_pocketsphinx of the other one
wer_loss         wer less what the same recogniser gets wrong in the originals

What could not be measured is None, and has no place in a mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from voxduct.bench.results import Figures, rounded
from voxduct.bench.scoring import WordErrors

OUR_EAR, OTHER_EAR = "voxduct", "pocketsphinx"
COLUMNS = {
    "codec": "{}", "kbps": "{:.2f}", "mel_distance": "{:.3f}", "stoi": "{:.3f}", "pesq": "{:.2f}",
    "encode_ms": "{:.1f}", "decode_ms": "{:.1f}", "wer": "{:.3f}", "wer_loss": "{:+.3f}",
    "wer_pocketsphinx": "{:.3f}", "wer_loss_pocketsphinx": "{:+.3f}",
}  # fmt: skip
"""Of the table, and how they are written there."""
HEADS = {"mel_distance": "mel", "wer_pocketsphinx": "wer_ps", "wer_loss_pocketsphinx": "loss_ps"}
"""Columns that have a shorter name in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScore:
    """One clip after one codec."""

    seconds: float
    bits: int
    encode_s: float
    decode_s: float
    mel_distance: float | None
    stoi: float | None = None
    pesq: float | None = None
    errors: Mapping[str, WordErrors] = field(default_factory=dict)
    """By who heard it."""


def row(name: str, scores: Sequence[ClipScore], originals: Mapping[str, WordErrors]) -> Figures:
    """The figures of one codec; `originals` are the errors that each ear makes over the same clips as they were."""
    seconds = sum(one.seconds for one in scores)
    figures: Figures = {
        "codec": name,
        "kbps": rounded(_over(sum(one.bits for one in scores) / 1000, seconds), 3),
        "mel_distance": rounded(mean(one.mel_distance for one in scores)),
        "stoi": rounded(mean(one.stoi for one in scores)),
        "pesq": rounded(mean(one.pesq for one in scores), 3),
        "encode_ms": rounded(_over(sum(one.encode_s for one in scores) * 1000, seconds), 2),
        "decode_ms": rounded(_over(sum(one.decode_s for one in scores) * 1000, seconds), 2),
    }
    for ear in (OUR_EAR, OTHER_EAR):
        suffix = "" if ear == OUR_EAR else f"_{ear}"
        heard = [one.errors[ear] for one in scores if ear in one.errors]
        rate = sum(heard, WordErrors()).rate if heard else None
        before = originals[ear].rate if ear in originals else None
        figures[f"wer{suffix}"] = rounded(rate)
        figures[f"wer_loss{suffix}"] = None if rate is None or before is None else rounded(rate - before)
    return figures


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that could be measured; None where there are none."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _over(amount: float, seconds: float) -> float | None:
    return amount / seconds if seconds else None


def table(rows: Sequence[Figures], missing: Mapping[str, str]) -> list[str]:
    """Lines to print: a head, a line for each codec, and what is missing. What was not measured is a dash."""
    names = [name for name in COLUMNS if any(one[name] is not None for one in rows)]
    cells = [[HEADS.get(name, name) for name in names]]
    cells += [[_cell(one[name], COLUMNS[name]) for name in names] for one in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    lines = [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in cells)
    ]
    return [*lines, *(f"missing: {name}: {why}" for name, why in missing.items())]


def _cell(value: object, form: str) -> str:
    return "-" if value is None else form.format(value)
