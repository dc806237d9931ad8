"""Words of a language and which follow which: back-off bigrams (Katz 1987), small enough to ship with a model.

A decoder that learnt from a few hours of speech has read few words. Bigrams know tens of thousands, and cost a look-up
a word.
"""

from __future__ import annotations

import bisect
import zipfile
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxduct.errors import ModelError

Table: TypeAlias = NDArray[np.integer[Any]]

STEP: Final = 1 / 16
"""Logarithms are stored in steps of so much, negative ones as positive bytes."""
LAST_SIGN: Final = "\U0010ffff"
REMEMBERED: Final = 50_000  # beginnings of words, whose best word is not looked up again
SENTENCE: Final = "<s>"
"""The word before the first."""
UNKNOWN_WORD: Final = -24.0  # log-probability of a word that no vocabulary of tens of thousands has
FIGURE: Final = -8.0  # of each digit, which is read as a word or more


class Vocabulary:
    """Words by number, and the logarithms of their probabilities (base e), in steps of `STEP` below zero.

    Args:
        words: all of them, in the order of their numbers, which is the alphabet's, `SENTENCE` among them.
        unigrams: of each word alone, shape [words].
        backoffs: what is added to it after a word that it was never seen after, shape [words].
        counts: how many followers of each word are listed, shape [words].
        followers: their numbers, word after word, ascending for each; shape [pairs].
        bigrams: the pairs' log-probabilities, shape [pairs].
    """

    def __init__(
        self, words: list[str], unigrams: Table, backoffs: Table, counts: Table, followers: Table, bigrams: Table
    ) -> None:
        self._words = words
        self._best: dict[str, float] = {}
        self._numbers = {word: number for number, word in enumerate(words)}
        self._unigrams, self._backoffs = unigrams, backoffs
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._followers, self._bigrams = followers, bigrams
        if len(unigrams) != len(words) or len(backoffs) != len(words) or self._starts[-1] != len(followers):
            raise ModelError("the vocabulary's tables are not of one length; fetch the model again")
        self.begin = self._numbers.get(SENTENCE)
        """The number of what comes before the first word."""

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, word: str) -> int | None:
        """A word's number; None where it is not known."""
        return self._numbers.get(word)

    def logprob(self, number: int, after: int | None) -> float:
        """Of a word after another; `after` None: after one that is not known."""
        if after is None:
            return -STEP * float(self._unigrams[number])
        first, last = self._starts[after], self._starts[after + 1]
        place = first + int(np.searchsorted(self._followers[first:last], number))
        if place < last and self._followers[place] == number:
            return -STEP * float(self._bigrams[place])
        return -STEP * (float(self._unigrams[number]) + float(self._backoffs[after]))

    def best_logprob(self, beginning: str) -> float:
        """Of the likeliest word that begins so, alone; where there is no such word, of an unknown one."""
        found = self._best.get(beginning)
        if found is None:
            if len(self._best) >= REMEMBERED:
                self._best.clear()
            found = self._best[beginning] = self._best_of(beginning)
        return found

    def _best_of(self, beginning: str) -> float:
        first = bisect.bisect_left(self._words, beginning)
        last = bisect.bisect_left(self._words, beginning + LAST_SIGN)
        return unknown(beginning) if first == last else -STEP * float(self._unigrams[first:last].min())

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads an `.npz` of the tables, `words` as UTF-8 bytes with a line feed after each; raises ModelError."""
        try:
            with np.load(path, allow_pickle=False) as tables:
                words = tables["words"].tobytes().decode().split("\n")[:-1]
                names = ("unigrams", "backoffs", "counts", "followers", "bigrams")
                return cls(words, *(tables[name] for name in names))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} is not a vocabulary: {error}; fetch the model again") from error


def unknown(word: str) -> float:
    """Log-probability of a word that is in no vocabulary, or of as many words as figures are read as."""
    figures = sum(sign.isdigit() for sign in word)
    return UNKNOWN_WORD if any(sign.isalpha() for sign in word) else FIGURE * max(figures, 1)
