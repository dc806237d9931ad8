"""An utterance that is too long to be heard at once, cut where its words leave most room between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from voxduct.events import Word


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio of [start, end), and the words that were heard in it."""

    start: int
    end: int
    words: tuple[Word, ...]


def cut(words: Sequence[Word], start: int, end: int, longest: int) -> list[Piece]:
    """Pieces of at most `longest` samples that make up [start, end); a word is in the piece that holds its middle.

    Args:
        words: in order; all of them are in some piece.
        start: position of the first sample.
        end: position after the last one.
        longest: at least 1.
    """
    pieces: list[Piece] = []
    rest = tuple(words)
    while end - start > longest:
        at = _widest_gap(rest, start, longest)
        count = sum(word.start + word.end < 2 * at for word in rest)
        pieces.append(Piece(start, at, rest[:count]))
        start, rest = at, rest[count:]
    return [*pieces, Piece(start, end, rest)]


def _widest_gap(words: Sequence[Word], start: int, longest: int) -> int:
    """The middle of the widest gap in the later half of the longest piece from `start`; its end, if there is none."""
    gaps = []
    for before, after in itertools.pairwise(words):
        middle = (before.end + after.start) // 2
        if start + longest // 2 < middle <= start + longest:
            gaps.append((after.start - before.end, middle))
    return max(gaps)[1] if gaps else start + longest
