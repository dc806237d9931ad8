"""Plays a tape to a session on a virtual clock: jobs run at once, and their results arrive when they would have.

A job costs the processor seconds it took, times `cost`; with 0 the machine is infinitely fast (what the literature
calls computation-unaware). A session that is measured so has a core for every job that is out, and no rival.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding
from voxduct.bench.clips import Tape
from voxduct.bench.live import CHUNK_S, Heard
from voxduct.events import Event, SpeechAudio, SpeechCodes
from voxduct.models import Job, JobKind
from voxduct.session import Engine, Session, SessionOptions
from voxduct.wire.translate import outgoing

FORMAT = AudioFormat(SAMPLE_RATE, Encoding.F32LE)


@dataclass(slots=True)
class Spent:
    """Processor seconds of jobs, by their kind, and how many there were."""

    seconds: dict[JobKind, float] = field(default_factory=dict)
    jobs: dict[JobKind, int] = field(default_factory=dict)

    def add(self, kind: JobKind, seconds: float) -> None:
        """One more job."""
        self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
        self.jobs[kind] = self.jobs.get(kind, 0) + 1

    @property
    def total(self) -> float:
        """Of all kinds."""
        return sum(self.seconds.values())


class VirtualSession:
    """One session and its clock; `heard` is what came back, and when."""

    def __init__(self, engine: Engine, cost: float, options: SessionOptions | None = None) -> None:
        self._session = Session(engine, options or SessionOptions(), FORMAT)
        self._cost = cost
        self._now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order: Iterator[int] = itertools.count()
        self.heard = Heard()
        self.spent = Spent()

    def play(self, tape: Tape) -> Heard:
        """A tape to its end, chunk by chunk, each handed over when its last sample was recorded."""
        step = round(CHUNK_S * SAMPLE_RATE)
        for start in range(0, len(tape.samples), step):
            chunk = tape.samples[start : start + step].astype("<f4").tobytes()
            self._at((start + step) / SAMPLE_RATE, partial(self._session.receive_audio, chunk))
        self._at(tape.seconds + CHUNK_S, self._session.end_input)
        while self._due:
            self._now, _, act = heapq.heappop(self._due)
            act()
            for job in self._session.jobs():
                self._run(job)
            for event in self._session.events():
                self._note(event)
        return self.heard

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._order), act))

    def _run(self, job: Job) -> None:
        before = time.process_time()
        result = job.run()
        spent = time.process_time() - before
        self.spent.add(job.kind, spent)
        self._at(self._now + self._cost * spent, partial(self._session.receive_result, job, result))

    def _note(self, event: Event) -> None:
        message = outgoing(event)
        if not isinstance(message, SpeechAudio | SpeechCodes):
            self.heard.note(self._now, message)
