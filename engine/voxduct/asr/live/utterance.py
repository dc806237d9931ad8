"""What was said so far in one utterance, addressed by position; committed parts of a long one are forgotten."""

from __future__ import annotations

import numpy as np

from voxduct.audio import Samples
from voxduct.silence import SilenceMap, Silences


class UtteranceAudio:
    """Audio between `start` and `end`; grows at the end, forgets at the start."""

    def __init__(self, start: int) -> None:
        self._chunks: list[Samples] = []
        self._silences = SilenceMap()
        self.start = start
        self.end = start

    def append(self, samples: Samples, silences: Silences = ()) -> None:
        """Adds samples after `end`, and the positions between which they are silent."""
        for start, end in silences:
            self._silences.add(start, end)
        if samples.size:
            self._chunks.append(samples)
            self.end += samples.size

    def until(self, position: int) -> Samples:
        """Samples of [start, position), shape [position - start]; never written to again."""
        whole = np.concatenate([*self._chunks, np.zeros(0, np.float32)])
        self._chunks = [whole]
        return whole[: position - self.start]

    def silences_until(self, position: int) -> Silences:
        """What is silent of [start, position)."""
        return self._silences.between(self.start, position)

    def forget_before(self, position: int) -> None:
        """Drops samples before `position`."""
        rest = self.until(self.end)[position - self.start :]
        self._chunks = [rest.copy()]
        self._silences.forget_before(position)
        self.start = position
