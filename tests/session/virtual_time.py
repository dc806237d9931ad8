"""A live shell in virtual time: audio arrives as it is spoken, jobs take as long as they are told to."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from voxduct.audio import SAMPLE_RATE
from voxduct.events import Event
from voxduct.models import Job
from voxduct.session import Session

Moment: TypeAlias = tuple[float, Event]
Duration: TypeAlias = Callable[[Job], float]


@dataclass
class Shell:
    """As many workers as there are jobs; `said` is every event and the second when it was said."""

    session: Session
    seconds: Duration
    now: float = 0.0
    said: list[Moment] = field(default_factory=list)
    ran: list[tuple[float, Job]] = field(default_factory=list)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def at(self, time: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time, next(self._order), act))

    def hear(self, pcm: bytes, chunk: int) -> None:
        """Two bytes a sample; chunks of that many samples, each when its last sample was spoken; then the end."""
        for begin in range(0, len(pcm), 2 * chunk):
            piece = pcm[begin : begin + 2 * chunk]
            self.at((begin + len(piece)) / 2 / SAMPLE_RATE, lambda piece=piece: self.session.receive_audio(piece))  # type: ignore[misc]
        self.at(len(pcm) / 2 / SAMPLE_RATE, self.session.end_input)

    def run(self) -> list[Moment]:
        while self._due:
            self.now, _, act = heapq.heappop(self._due)
            act()
            self._drain()
        assert self.session.done
        return self.said

    def _drain(self) -> None:
        for job in self.session.jobs():
            self.ran.append((self.now, job))
            self.at(self.now + self.seconds(job), lambda job=job: self._finish(job))  # type: ignore[misc]
        self.said += [(self.now, event) for event in self.session.events()]

    def _finish(self, job: Job) -> None:
        try:
            result: object = job.run()
        except RuntimeError as error:
            result = error
        self.session.receive_result(job, result)
