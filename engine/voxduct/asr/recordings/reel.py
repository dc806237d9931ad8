"""A recording of which only the part that is still needed is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from voxduct.audio import Samples


class Reel:
    """Samples by position, drawn from blocks as they are asked for; an hour never lies in memory at once."""

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self._blocks: Iterator[Samples] = iter(blocks)
        self._kept: list[Samples] = []
        self._start = 0
        self.end = 0
        """Samples drawn so far."""

    def draw(self) -> Samples | None:
        """The next block, which is kept too; None when there are no more."""
        block = next(self._blocks, None)
        if block is not None:
            self._kept.append(block)
            self.end += block.size
        return block

    def read(self, start: int, end: int) -> Samples:
        """Samples of [start, end), fewer where the recording ends before; draws what is missing.

        Raises:
            IndexError: `start` was forgotten.
        """
        if start < self._start:
            raise IndexError(f"samples before {self._start} were forgotten, {start} is asked for")
        while self.end < end and self.draw() is not None:
            pass
        whole = np.concatenate([*self._kept, np.zeros(0, np.float32)])
        self._kept = [whole]
        return whole[start - self._start : max(end - self._start, 0)]

    def forget_before(self, position: int) -> None:
        """Lets go of samples before `position`, of which all must have been drawn."""
        if position > self._start:
            self._kept = [self.read(position, self.end).copy()]
            self._start = position
