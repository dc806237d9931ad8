"""Runs the sessions' jobs on worker threads, the most urgent first, without ever holding the event loop.

Each session has a `Lane`. A lane hands few jobs at a time to the shared queue, so that one busy session cannot crowd
out the others, and a closed lane's jobs are dropped. Results come back on the event loop, in no promised order.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from voxduct.models import Job, JobKind
from voxduct.server.clock import Clock

LANE_WIDTH = 4  # jobs of one session in the shared queue or running
RECENT_S = 5.0  # queue delays older than this say nothing about now

OnResult: TypeAlias = Callable[[Job, object], None]


class JobWatcher(Protocol):
    """Is told about jobs; called from worker threads."""

    def job_ran(self, kind: JobKind, queued_s: float, ran_s: float, failed: bool) -> None:
        """A job ran."""


@dataclass(order=True, slots=True)
class _Ticket:
    kind: JobKind
    arrival: int
    job: Job = field(compare=False)
    lane: Lane = field(compare=False)
    submitted: float = field(compare=False)


class Lane:
    """One session's way into the scheduler. Use it on the event loop's thread only."""

    def __init__(self, scheduler: JobScheduler, on_result: OnResult) -> None:
        self._scheduler = scheduler
        self._on_result = on_result
        self._waiting: list[_Ticket] = []
        self._out = 0
        self.closed = False

    @property
    def busy(self) -> bool:
        """Some job that is not a revision has not come back yet."""
        return self._out > 0 or bool(self._waiting)

    def submit(self, job: Job) -> None:
        """Runs the job some time; `on_result(job, what it returned or raised)` follows on the event loop."""
        if self.closed:
            return
        ticket = self._scheduler.ticket(job, self)
        if job.kind is JobKind.REVISION:  # waits for all others anyway, and must not take a place in the lane
            self._scheduler.enqueue(ticket)
        elif job.kind is JobKind.VAD:  # short, and everything else depends on it: never behind the lane's own jobs
            self._out += 1
            self._scheduler.enqueue(ticket)
        else:
            heapq.heappush(self._waiting, ticket)
            self._release()

    def close(self) -> None:
        """Drops the jobs that have not begun, and the result of one that has."""
        self.closed = True
        self._waiting.clear()

    def _release(self) -> None:
        while self._waiting and self._out < LANE_WIDTH:
            self._out += 1
            self._scheduler.enqueue(heapq.heappop(self._waiting))

    def deliver(self, job: Job, result: object) -> None:
        """Called by the scheduler, on the event loop."""
        self._out -= job.kind is not JobKind.REVISION
        if not self.closed:
            self._release()
            self._on_result(job, result)


class JobScheduler:
    """A fixed number of threads and one queue, ordered by `JobKind`, then arrival.

    A revision begins only when nothing else waits, and more than half of the threads (two at least) have nothing to
    do: one that has begun must leave threads free for what comes next. With one thread there are none.

    Used as an async context manager; on leaving, waiting jobs are dropped and running ones are waited for.
    """

    def __init__(self, workers: int, clock: Clock, watcher: JobWatcher) -> None:
        self._clock = clock
        self._watcher = watcher
        self._arrivals = itertools.count()
        self._queue: list[_Ticket] = []
        self._recent: deque[tuple[float, float]] = deque()  # when a job began, how long it had waited
        self._changed = threading.Condition()
        self._closing = False
        self._idle = 0  # threads that wait for a job
        self._idle_for_revision = max(2, workers // 2 + 1)
        self._threads = [
            threading.Thread(target=self._work, name=f"voxduct-job-{number}", daemon=True) for number in range(workers)
        ]
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> JobScheduler:
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._queue.clear()
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def lane(self, on_result: OnResult) -> Lane:
        """A way in for one session; close it when the session ends."""
        return Lane(self, on_result)

    @property
    def workers(self) -> int:
        """Threads that run jobs."""
        return len(self._threads)

    def queue_delay(self) -> float:
        """Seconds a job waits for a thread nowadays: the mean of the last seconds, or the oldest one's wait so far."""
        now = self._clock.now()
        with self._changed:
            while self._recent and self._recent[0][0] < now - RECENT_S:
                self._recent.popleft()
            mean = sum(delay for _, delay in self._recent) / len(self._recent) if self._recent else 0.0
            waiting = (ticket.submitted for ticket in self._queue if ticket.kind is not JobKind.REVISION)
            oldest = min(waiting, default=now)
        return max(mean, now - oldest)

    def ticket(self, job: Job, lane: Lane) -> _Ticket:
        """A job with its place in the order."""
        return _Ticket(job.kind, next(self._arrivals), job, lane, self._clock.now())

    def enqueue(self, ticket: _Ticket) -> None:
        """Lets the next free thread have the job, unless a more urgent one is there."""
        with self._changed:
            heapq.heappush(self._queue, ticket)
            self._changed.notify()

    def _next(self) -> _Ticket | None:
        with self._changed:
            self._idle += 1
            while not self._ready() and not self._closing:
                self._changed.wait()
            self._idle -= 1
            if self._closing:
                return None
            ticket = heapq.heappop(self._queue)
            if ticket.kind is not JobKind.REVISION:  # that one waits by choice
                now = self._clock.now()
                self._recent.append((now, now - ticket.submitted))
            return ticket

    def _ready(self) -> bool:
        """Whether the most urgent job may begin now; call it with the lock held."""
        if not self._queue:
            return False
        return self._queue[0].kind is not JobKind.REVISION or self._idle >= self._idle_for_revision

    def _work(self) -> None:
        while (ticket := self._next()) is not None:
            result: object = None
            if not ticket.lane.closed:  # else its session is gone: nobody wants the result
                result = self._run(ticket)
            self._deliver(ticket, result)

    def _run(self, ticket: _Ticket) -> object:
        began = self._clock.now()
        failed = False
        try:
            result = ticket.job.run()
        except Exception as error:  # whatever a model raises fails its utterance, not the thread
            result, failed = error, True
        self._watcher.job_ran(ticket.kind, began - ticket.submitted, self._clock.now() - began, failed)
        return result

    def _deliver(self, ticket: _Ticket, result: object) -> None:
        assert self._loop is not None  # the threads start in __aenter__
        try:
            self._loop.call_soon_threadsafe(ticket.lane.deliver, ticket.job, result)
        except RuntimeError:  # the loop was closed meanwhile: there is nobody to tell
            pass
