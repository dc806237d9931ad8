"""Where there is silence: what the VAD found, kept for as long as words may still be timed there."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

Silences: TypeAlias = tuple[tuple[int, int], ...]
"""Spans [start, end) of samples in order, apart from each other."""


class SilenceMap:
    """Silences by position; grows at the end, forgets at the start."""

    def __init__(self) -> None:
        self._spans: deque[tuple[int, int]] = deque()

    def add(self, start: int, end: int) -> None:
        """[start, end) is silent; `start` is not before the end of what was added last."""
        if self._spans and self._spans[-1][1] >= start:
            start, _ = self._spans.pop()
        if end > start:
            self._spans.append((start, end))

    def between(self, start: int, end: int) -> Silences:
        """What is silent of [start, end)."""
        inside = ((max(one, start), min(other, end)) for one, other in self._spans)
        return tuple((one, other) for one, other in inside if one < other)

    def forget_before(self, position: int) -> None:
        """Drops silences that end at or before `position`."""
        while self._spans and self._spans[0][1] <= position:
            self._spans.popleft()
