"""Text as Pocket TTS learnt it: one line, a capital first, a full stop last, in pieces of a few dozen tokens.

Rules are those of kyutai-labs/pocket-tts (`prepare_text_prompt`, `split_into_best_sentences`), as programs that run its
exports repeat them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CLAUSE_ENDS = (",", ";", ":")
FEW_WORDS = 4  # after which speech goes on for longer than the model says, so that the last word is not cut
PADDING = " " * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRules:
    """What a bundle says about its text."""

    most_tokens: int
    """Of one piece."""
    remove_semicolons: bool = False
    pad_short: bool = False
    """Spaces before texts of few words."""
    frames_after_end: int | None = None
    """How many frames follow the one that the model says is the last; None: by the number of words."""


@dataclass(frozen=True, slots=True)
class PreparedText:
    """One piece."""

    text: str
    frames_after_end: int


def prepare(text: str, rules: TextRules) -> PreparedText:
    """A text that has letters or digits."""
    line = " ".join(text.split())
    if rules.remove_semicolons:
        line = line.replace(";", ",")
    words = len(line.split())
    line = line[0].upper() + line[1:]
    if line[-1].isalnum():
        line += "."
    if rules.pad_short and words <= FEW_WORDS:
        line = PADDING + line
    after = rules.frames_after_end
    return PreparedText(line, (5 if words <= FEW_WORDS else 3) if after is None else after)


def split(text: str, most_tokens: int, count: Callable[[str], int]) -> list[str]:
    """A sentence in pieces of at most so many tokens, cut where a clause ends or else between words."""
    pieces: list[str] = []
    words = text.split()
    while words:
        size = _fitting(words, most_tokens, count)
        if size < len(words):
            ends = [at for at in range(1, size + 1) if words[at - 1].endswith(CLAUSE_ENDS)]
            size = ends[-1] if ends and ends[-1] * 3 >= size else size
        pieces.append(" ".join(words[:size]))
        words = words[size:]
    return pieces


def _fitting(words: list[str], most_tokens: int, count: Callable[[str], int]) -> int:
    size = 1
    while size < len(words) and count(" ".join(words[: size + 1])) <= most_tokens:
        size += 1
    return size
