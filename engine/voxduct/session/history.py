"""The recent past of a session's audio, addressed by absolute sample index."""

from __future__ import annotations

import numpy as np

from voxduct.audio import Samples


class History:
    """Audio between `start` and `end`; grows at the end, forgets at the start."""

    def __init__(self) -> None:
        self._chunks: list[Samples] = []
        self.start = 0
        self.end = 0

    def append(self, samples: Samples) -> None:
        """Adds samples after `end`."""
        if samples.size:
            self._chunks.append(samples)
            self.end += samples.size

    def between(self, start: int, end: int) -> Samples:
        """Samples of [start, end), which must lie within what is remembered; a copy of shape [end - start]."""
        if not self.start <= start <= end <= self.end:
            raise ValueError(f"[{start}, {end}) is not within [{self.start}, {self.end})")
        pieces = []
        at = self.start
        for chunk in self._chunks:
            low, high = max(start - at, 0), min(end - at, chunk.size)
            if low < high:
                pieces.append(chunk[low:high])
            at += chunk.size
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def forget_before(self, position: int) -> None:
        """Drops whole chunks that end at or before `position`."""
        while self._chunks and self.start + self._chunks[0].size <= position:
            self.start += self._chunks.pop(0).size
