"""Words that a voice skipped or said again, told from those that a recogniser misheard: no ear alone is believed.

A word is skipped when no ear hears it or anything in its place: a deletion in every alignment. A word is said again
when every ear hears a word there that is not in the text: an insertion in every alignment. Which of several equal words
in a row is the one that is missing nobody can say, so such a row is one place, with a number of deletions.

Of equally cheap alignments the one counts in which a word stands for the word that it is spelt most like: of "red dog"
heard as "read" it is the dog that is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

UNLIKE = 0.001  # what a substitution of words without a common letter costs beyond 1: it only settles ties


@dataclass(frozen=True, slots=True)
class Slips:
    """What all ears agree on."""

    skipped: tuple[str, ...]
    """Words of the text."""
    repeated: tuple[str, ...]
    """The words of the text before which something was said that is not in it; empty for its end."""


def slips(text: Sequence[str], heard: Sequence[Sequence[str]]) -> Slips:
    """Words of a text against what each ear heard; one ear at least."""
    places = [place for place, (_, row) in enumerate(groupby(text)) for _ in row]
    names = [*(word for word, _ in groupby(text)), ""]
    missing, more = zip(*(_differences(text, places, one) for one in heard), strict=True)
    return Slips(_agreed(missing, names), _agreed(more, names))


def _differences(text: Sequence[str], places: Sequence[int], heard: Sequence[str]) -> tuple[Counter[int], Counter[int]]:
    """Deletions and insertions of one ear, by place; an insertion's is that of the word that follows it."""
    missing: Counter[int] = Counter()
    more: Counter[int] = Counter()
    place = places[-1] + 1 if places else 0
    for i, j in _steps_back(text, heard):
        place = place if i is None else places[i]
        if j is None:
            missing[place] += 1
        elif i is None:
            more[place] += 1
    return missing, more


def _steps_back(text: Sequence[str], heard: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """The cheapest alignment from its end to its start: (index in text, index in heard), one None where it has none."""
    costs = _costs(text, heard)
    i, j = len(text), len(heard)
    steps: list[tuple[int | None, int | None]] = []
    while i or j:
        here = costs[i][j]
        if i and j and here == costs[i - 1][j - 1] + _substitution(text[i - 1], heard[j - 1]):
            i, j = i - 1, j - 1
            steps.append((i, j))
        elif i and here == costs[i - 1][j] + 1.0:
            i -= 1
            steps.append((i, None))
        else:
            j -= 1
            steps.append((None, j))
    return steps


def _costs(text: Sequence[str], heard: Sequence[str]) -> list[list[float]]:
    """Levenshtein's table: of every beginning of the text against every beginning of what was heard."""
    costs = [[float(column) for column in range(len(heard) + 1)]]
    for word in text:
        above, current = costs[-1], [costs[-1][0] + 1.0]
        for column, other in enumerate(heard, start=1):
            diagonal = above[column - 1] + _substitution(word, other)
            current.append(min(diagonal, above[column] + 1.0, current[column - 1] + 1.0))
        costs.append(current)
    return costs


def _substitution(word: str, other: str) -> float:
    if word == other:
        return 0.0
    return 1.0 + UNLIKE * (1.0 - SequenceMatcher(None, word, other).ratio())


def _agreed(ears: Sequence[Counter[int]], names: Sequence[str]) -> tuple[str, ...]:
    """As many at each place as every ear finds."""
    common = ears[0].copy()
    for ear in ears[1:]:
        common &= ear
    return tuple(names[place] for place in sorted(common.elements()))
