"""Where in a sentence's phones the voice is: a pointer that only ever moves on, one phone at a time.

VALL-E R (Han et al., 2024) keeps alignment in such a pointer instead of learning it in attention, so skipped and
repeated words and endless speech are impossible whatever the network answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.dsp import Doubles
from voxduct.models import Ints

PAD = 0  # phone id before the first and after the last phone
NEIGHBOURS = 4  # previous, current, next, next but one
OLDEST = 31  # frames; ages beyond are not told apart
FORCED = 3.0  # times the mean duration at which the pointer moves on by force


@dataclass(frozen=True, slots=True)
class PhoneDuration:
    """How long a phone may last, in code frames."""

    mean: float
    min: int

    @property
    def max(self) -> int:
        """Frames after which the pointer moves on whatever the network says."""
        return max(self.min, int(np.ceil(FORCED * self.mean)), 1)


class PhonePointer:
    """Visits every phone once, in order; `window` and `age` are what the network is told about it."""

    def __init__(
        self, phones: Sequence[int], durations: Mapping[int, PhoneDuration], threshold: float | Doubles = 0.5
    ) -> None:
        """Stands on the first phone.

        Args:
            phones: ids, at least one.
            durations: of every id.
            threshold: the pointer moves once staying is less likely than this; one for all, or shape [phones].
        """
        self._padded = np.array([PAD, *phones, *[PAD] * (NEIGHBOURS - 2)], np.int64)
        self._size = len(phones)
        self._durations = durations
        self._thresholds = np.broadcast_to(threshold, self._size)
        self._stay = 1.0
        self.place = 0
        self.frames = 0
        """Frames the current phone has had."""

    @property
    def window(self) -> Ints:
        """Ids of shape [4]: previous, current, next, next but one."""
        return self._padded[self.place : self.place + NEIGHBOURS]

    @property
    def age(self) -> int:
        """Frames since the pointer moved, as the network counts them."""
        return min(self.frames, OLDEST)

    def step(self, advance: float) -> bool:
        """After a frame of the current phone; `advance` is the network's logit for moving on.

        Returns True when the last phone is over; the pointer then rests on it.
        """
        duration = self._durations[int(self._padded[self.place + 1])]
        self._stay *= 1.0 / (1.0 + float(np.exp(np.clip(advance, -60.0, 60.0))))
        self.frames += 1
        due = self._stay < self._thresholds[self.place] or self.frames >= duration.max
        if self.frames < duration.min or not due:
            return False
        if self.place + 1 == self._size:
            return True
        self.place, self.frames, self._stay = self.place + 1, 0, 1.0
        return False


def prompt_windows(phones: Ints, unknown: int) -> tuple[Ints, Ints]:
    """Windows [frames, 4] and ages [frames] of a prompt whose every frame's phone id is known, shape [frames].

    A prompt of nothing but `unknown` phones keeps them all around and never stops ageing.
    """
    count = len(phones)
    if count and bool((phones == unknown).all()):
        return np.full((count, NEIGHBOURS), unknown, np.int64), np.minimum(np.arange(count), OLDEST)
    border = np.diff(phones, prepend=-1) != 0
    place, starts = np.cumsum(border) - 1, np.flatnonzero(border)
    padded = np.concatenate([[PAD], phones[border], [PAD, PAD]])
    windows = padded[place[:, None] + np.arange(NEIGHBOURS)]
    return windows, np.minimum(np.arange(count) - starts[place], OLDEST)
