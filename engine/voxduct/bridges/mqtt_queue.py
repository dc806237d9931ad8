"""What waits for the broker: finals and everything else, each bounded, the oldest dropped first."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Publication:
    """One message for the broker."""

    topic: str
    payload: bytes
    final: bool


class PublicationQueue:
    """Add from the event loop at any time; one publisher looks at the head and removes it once it is delivered."""

    def __init__(self, max_finals: int, max_states: int) -> None:
        self._finals: deque[Publication] = deque()
        self._states: deque[Publication] = deque()
        self._max_finals = max_finals
        self._max_states = max_states
        self._added = asyncio.Event()
        self.dropped_finals = 0
        self.dropped_states = 0

    def add(self, publication: Publication) -> None:
        """Queues a message; the oldest of its kind goes when there are too many."""
        if publication.final:
            if len(self._finals) >= self._max_finals:
                self._finals.popleft()
                self.dropped_finals += 1
            self._finals.append(publication)
        else:
            if len(self._states) >= self._max_states:
                self._states.popleft()
                self.dropped_states += 1
            self._states.append(publication)
        self._added.set()

    async def head(self) -> Publication:
        """The next message to deliver; it stays until `remove`."""
        while not (self._states or self._finals):
            self._added.clear()
            await self._added.wait()
        return self._states[0] if self._states else self._finals[0]

    def remove(self, publication: Publication) -> None:
        """The message was delivered (it may have been dropped meanwhile)."""
        queue = self._finals if publication.final else self._states
        if queue and queue[0] is publication:
            queue.popleft()

    def __len__(self) -> int:
        return len(self._finals) + len(self._states)
