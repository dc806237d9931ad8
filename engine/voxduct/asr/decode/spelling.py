"""How well sounds and letters agree, for a model that spells what it hears besides (a CTC head).

The decoder knows the language and may write what nobody said, twice or not at all; the letters know only the sound. So
a text is followed letter by letter, and at each is known how likely the window begins so: CTC prefix probabilities
(Graves 2008, "Supervised Sequence Labelling with Recurrent Neural Networks", section 7.5; Watanabe et al. 2017, "Hybrid
CTC/Attention Architecture for End-to-End Speech Recognition", section III-B).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.models import Floats

BLANK = 0
ANYTHING = -1
"""The label of signs that can be read in several ways, as figures can: any letters, as many as there is time for."""
DOUBT = 0.4
"""By how much the logarithm of ANYTHING is below that of what is likeliest, in each frame: else it would always win."""
NEVER = -1e30  # a logarithm of zero that can be added to
SILENT_SIGNS = frozenset(',.?!;:"()…')  # of a text, said by nobody
GAPS = frozenset(" -–—\n\t")  # between words


@dataclass(frozen=True, slots=True)
class Labels:
    """A piece of a text as it is spelt: classes, and whether a gap comes before what follows."""

    classes: tuple[int, ...]
    gap: bool


class Speller:
    """The letters a model spells with.

    Args:
        letters: the classes of the CTC head after the blank, one sign each; lower case, the space among them.
    """

    def __init__(self, letters: Sequence[str]) -> None:
        self._classes = {letter: number for number, letter in enumerate(letters, start=1)}
        self._space = self._classes.get(" ", ANYTHING)

    def labels(self, text: str, *, begun: bool = False, gap: bool = False) -> Labels:
        """A piece of a text.

        Args:
            text: the piece; capitals and marks are spelt as what is said.
            begun: whether letters came before it.
            gap: whether there was a gap since these.
        """
        found: list[int] = []
        for sign in text.casefold():
            if sign in GAPS:
                gap = True
            elif sign not in SILENT_SIGNS:
                if gap and (begun or found):
                    found.append(self._space)
                gap = False
                label = self._classes.get(sign, ANYTHING)
                if label != ANYTHING or not found or found[-1] != ANYTHING:
                    found.append(label)
        return Labels(tuple(found), gap)


@dataclass(frozen=True, slots=True, eq=False)
class Spelt:
    """A text that was followed so far."""

    ending: Floats
    """Log-probability that just this text was spelt by each frame, which is of its last letter; shape [frames]."""
    resting: Floats
    """The same, but the frame is blank."""
    last: int | None
    """Its last label."""
    logprob: float
    """That the window begins with it."""


class Spelling:
    """What the letters say about one window, by scores of shape [frames, classes], at least one frame."""

    def __init__(self, scores: Floats) -> None:
        top = scores.max(axis=1, keepdims=True).astype(np.float64)
        chances = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
        # The column behind the last is ANYTHING.
        self._chances = np.concatenate([chances, chances.max(axis=1, keepdims=True) - DOUBT], axis=1).T
        self._sums = self._chances.cumsum(axis=1)

    def nothing(self) -> Spelt:
        """The text without letters."""
        return Spelt(np.full(self._sums.shape[1], NEVER), self._sums[BLANK], None, 0.0)

    def followed(self, texts: Sequence[Spelt], labels: Sequence[Sequence[int]]) -> list[Spelt]:
        """Each text with a piece after it."""
        found = list(texts)
        for place in range(max(map(len, labels), default=0)):
            alike: dict[tuple[int, int], list[int]] = {}  # rows in which the same text goes on in the same way
            for row, piece in enumerate(labels):
                if place < len(piece) and not piece[place] == found[row].last == ANYTHING:
                    alike.setdefault((id(found[row]), piece[place]), []).append(row)
            if alike:
                firsts = [rows[0] for rows in alike.values()]
                longer = self._extended([found[row] for row in firsts], [labels[row][place] for row in firsts])
                for rows, text in zip(alike.values(), longer, strict=True):
                    for row in rows:
                        found[row] = text
        return found

    def whole(self, text: Spelt) -> float:
        """Log-probability that the window says the text and nothing else."""
        return float(np.logaddexp(text.ending[-1], text.resting[-1]))

    def _extended(self, texts: Sequence[Spelt], labels: Sequence[int]) -> list[Spelt]:
        """By a label each. The recurrences over frames become running sums in units of the cumulated chances."""
        resting = np.array([text.resting for text in texts])
        ending = np.array([text.ending for text in texts])
        ending[[text.last == label for text, label in zip(texts, labels, strict=True)]] = NEVER
        before = _later(np.logaddexp(ending, resting), [0.0 if text.last is None else NEVER for text in texts])
        chances, sums = self._chances[list(labels)], self._sums[list(labels)]
        ending = _recurrent(before, chances, sums)
        resting = _recurrent(_later(ending, NEVER), self._chances[BLANK], self._sums[BLANK])
        begun = np.maximum(before + chances, NEVER)
        top = begun.max(axis=1, keepdims=True)
        logprobs = top[:, 0] + np.log(np.exp(begun - top).sum(axis=1))
        return [Spelt(*found) for found in zip(ending, resting, labels, logprobs.tolist(), strict=True)]


def _later(scores: Floats, first: float | list[float]) -> Floats:
    """Each score a frame later; `first` comes in the first one."""
    found = np.empty_like(scores)
    found[:, 0] = first
    found[:, 1:] = scores[:, :-1]
    return found


def _recurrent(entered: Floats, chances: Floats, sums: Floats) -> Floats:
    """The x of x[t] = logaddexp(x[t - 1], entered[t]) + chances[t]; `sums` are the chances cumulated."""
    running = np.logaddexp.accumulate(entered - (sums - chances), axis=-1)
    found: Floats = np.maximum(running + sums, NEVER)
    return found
