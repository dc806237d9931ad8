"""Word errors between what was said and what was heard.

Both sides are normalised first: Unicode NFKC, lower case, hyphens and dashes to spaces, titles spelt out (`mr.` to
`mister`), figures too (`$504.20`, `7:30`, `21st`, `50%`; five digits and more without a comma one by one), the `and` of
`five hundred and four` dropped, everything but letters and inner apostrophes dropped. Nothing else: `o'clock` and
`oclock` differ.
WER = (substitutions + deletions + insertions) / reference words, summed over all clips before dividing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from voxduct.tts.text.normalise import PAUSES, spoken_words
from voxduct.tts.text.numbers import ONES, TENS, digits

TITLES = {"mr": "mister", "mrs": "missis", "dr": "doctor", "st": "saint", "messrs": "messieurs"}

_FIGURES = re.compile(r"[$£€]?\d+(?:[,.:]\d+)*(?:st|nd|rd|th|%)?")
_DIGITS = re.compile(r"\d{5,}")
_HUNDRED_AND = re.compile(rf"\b(hundred|thousand|million) and (?=(?:{'|'.join(ONES + TENS)})\b)")


def normalise(text: str) -> list[str]:
    """The words of a text as they are compared."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = _HUNDRED_AND.sub(r"\1 ", _FIGURES.sub(_spelt, text))
    for short, spelt in TITLES.items():
        text = re.sub(rf"\b{short}\.", f"{spelt} ", text)
    words = re.sub(r"[^\w']|_", " ", text).split()
    return [word for word in (word.strip("'") for word in words) if word]


def _spelt(figures: re.Match[str]) -> str:
    if _DIGITS.fullmatch(figures[0]):
        return digits(figures[0])
    return " ".join(word for word in spoken_words(figures[0], lambda word: True) if word not in PAUSES)


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Counts of word errors; add them up, then ask for the rate."""

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """WER; of an empty reference, the number of insertions."""
        return self.errors / max(self.words, 1)

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word that was compared, and the written word that it belongs to: `1988.` is three of them."""

    text: str
    written: int
    """Index of the written word."""


def spoken_words_of(written: Sequence[str]) -> list[Spoken]:
    """The words to compare of words that were written one by one."""
    return [Spoken(text, index) for index, word in enumerate(written) for text in normalise(word)]


def right_words(reference: Sequence[str], spoken: Sequence[Spoken], alignment: Alignment) -> dict[int, tuple[int, int]]:
    """Which written words are right, all that they say: to the first and last word of the reference in them.

    `alignment` is that of `reference` with the texts of `spoken`.
    """
    equal = {j: i for i, j in alignment.pairs if reference[i] == spoken[j].text}
    places: dict[int, list[int | None]] = {}
    for j, one in enumerate(spoken):
        places.setdefault(one.written, []).append(equal.get(j))
    found = {written: [i for i in where if i is not None] for written, where in places.items() if None not in where}
    return {written: (where[0], where[-1]) for written, where in found.items()}


@dataclass(frozen=True, slots=True)
class Alignment:
    """A cheapest way from the reference to the hypothesis."""

    pairs: tuple[tuple[int, int], ...]
    """(index in reference, index in hypothesis) of every equal or substituted word."""
    errors: WordErrors


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> Alignment:
    """Levenshtein over words; of equally cheap ways, the one with the most equal words near the end."""
    costs = [list(range(len(hypothesis) + 1))]
    for row, word in enumerate(reference, start=1):
        above, current = costs[-1], [row]
        for column, heard in enumerate(hypothesis, start=1):
            diagonal = above[column - 1] + (word != heard)
            current.append(min(diagonal, above[column] + 1, current[column - 1] + 1))
        costs.append(current)
    return _trace(costs, reference, hypothesis)


def _trace(costs: list[list[int]], reference: Sequence[str], hypothesis: Sequence[str]) -> Alignment:
    row, column = len(reference), len(hypothesis)
    pairs: list[tuple[int, int]] = []
    substitutions = deletions = insertions = 0
    while row or column:
        here = costs[row][column]
        wrong = bool(row and column) and reference[row - 1] != hypothesis[column - 1]
        if row and column and here == costs[row - 1][column - 1] + wrong:
            row, column = row - 1, column - 1
            pairs.append((row, column))
            substitutions += wrong
        elif row and here == costs[row - 1][column] + 1:
            row, deletions = row - 1, deletions + 1
        else:
            column, insertions = column - 1, insertions + 1
    errors = WordErrors(len(reference), substitutions, deletions, insertions)
    return Alignment(tuple(reversed(pairs)), errors)


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """The errors of one clip."""
    return align(normalise(reference), normalise(hypothesis)).errors
