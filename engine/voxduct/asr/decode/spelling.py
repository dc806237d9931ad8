"""A second opinion on texts, by a model that spells what it hears letter by letter besides (a CTC head).

The decoder knows the language and may write what nobody said; the letters know only the sound. Of the texts that a
beam search ends with, the one that both believe is taken: joint CTC and attention scoring of whole hypotheses, after
Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (2017), section III-B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from voxduct.models import Floats, Ints

BLANK = 0
NEVER = np.float32(-1e30)  # a logarithm of zero that can be added to
SILENT_SIGNS = frozenset(',.?!;:"()-…–—')  # of a text, said by nobody

Opinion: TypeAlias = Callable[[Sequence[str]], Floats | None]
"""Log-probabilities of several texts of one window, shape [texts]; None where one of them cannot be spelt."""


class Speller:
    """The letters a model spells with.

    Args:
        letters: the classes of the CTC head after the blank, one sign each; lower case, the space among them.
    """

    def __init__(self, letters: Sequence[str]) -> None:
        self._classes = {letter: number for number, letter in enumerate(letters, start=1)}

    def labels(self, text: str) -> tuple[int, ...] | None:
        """Classes that spell a text; None where it holds signs that can be read in several ways, as figures can."""
        said = "".join(sign for sign in text.casefold() if sign not in SILENT_SIGNS)
        labels = [self._classes.get(sign) for sign in " ".join(said.split())]
        known = tuple(label for label in labels if label is not None)
        return known if len(known) == len(labels) else None

    def opinion(self, logits: Floats) -> Opinion:
        """Of one window, by what the head said about it, shape [frames, classes]."""
        top = logits.max(axis=1, keepdims=True)
        chances = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))

        def judged(texts: Sequence[str]) -> Floats | None:
            spelt = [labels for text in texts if (labels := self.labels(text)) is not None]
            return log_likelihoods(chances, spelt) if len(spelt) == len(texts) else None

        return judged


def log_likelihoods(chances: Floats, texts: Sequence[Sequence[int]]) -> Floats:
    """That the frames spell each text, over all its alignments: the forward variables of Graves et al. (2006), 4.1.

    Args:
        chances: log-probabilities of shape [frames, classes], at least one frame.
        texts: labels of each text, none of them the blank.

    Returns:
        Shape [texts]; hardly above `NEVER` where a text has more letters than there are frames.
    """
    states, jumps = _lattice(texts)
    rows = np.arange(len(texts))
    alpha = np.full(states.shape, NEVER)
    alpha[:, :2] = chances[0, states[:, :2]]
    for frame in chances[1:]:
        came = alpha.copy()
        came[:, 1:] = np.logaddexp(came[:, 1:], alpha[:, :-1])
        came[:, 2:] = np.logaddexp(came[:, 2:], np.where(jumps[:, 2:], alpha[:, :-2], NEVER))
        alpha = np.maximum(came + frame[states], NEVER)
    last = np.array([2 * len(text) for text in texts])  # the blank behind the last letter
    before = np.where(last > 0, alpha[rows, last - 1], NEVER)
    total: Floats = np.logaddexp(alpha[rows, last], before)
    return total


def _lattice(texts: Sequence[Sequence[int]]) -> tuple[Ints, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Labels with blanks around them, shape [texts, states], and which may be reached from two states before.

    Shorter texts are filled up with blanks, which come after their last state and never lead back.
    """
    longest = max((len(text) for text in texts), default=0)
    states = np.full((len(texts), max(2 * longest + 1, 2)), BLANK, np.int64)
    for row, text in enumerate(texts):
        states[row, 1 : 2 * len(text) : 2] = text
    jumps = np.zeros(states.shape, bool)
    jumps[:, 2:] = (states[:, 2:] != BLANK) & (states[:, 2:] != states[:, :-2])
    return states, jumps
