"""A clock that stands still in silence: the position of a word's edge, counted in samples of speech alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class SpeechTime:
    """Maps positions of a window to moments of speech and back.

    Of two positions the later one never has the earlier moment, and a moment's position is never in silence: words
    that are in order on this clock are in order and outside silence.
    """

    def __init__(self, silences: Sequence[tuple[int, int]], size: int) -> None:
        """`silences` in samples of the window, in order; where all of its `size` samples are silent, none counts."""
        pieces, at = [], 0
        for start, end in silences:
            if start > at:
                pieces.append((at, min(start, size)))
            at = max(at, end)
        pieces.append((at, size))
        spoken = [(start, end) for start, end in pieces if start < end] or [(0, size)]
        self._starts = np.array([start for start, _ in spoken])
        self._moments = np.cumsum([0, *(end - start for start, end in spoken)])
        self.length = int(self._moments[-1])
        """Samples of speech."""

    def moment(self, position: int) -> int:
        """Samples of speech before a position."""
        piece = int(np.searchsorted(self._starts, position, side="right")) - 1
        if piece < 0:
            return 0
        return int(min(self._moments[piece] + position - self._starts[piece], self._moments[piece + 1]))

    def start(self, moment: int) -> int:
        """Where something is that begins at a moment: always at a sample of speech."""
        moment = min(moment, max(self.length - 1, 0))
        piece = min(int(np.searchsorted(self._moments, moment, side="right")) - 1, len(self._starts) - 1)
        return int(self._starts[piece] + moment - self._moments[piece])

    def end(self, moment: int) -> int:
        """Where something is that ends at a moment: always just after a sample of speech."""
        return self.start(moment - 1) + 1 if moment > 0 else self.start(0)
