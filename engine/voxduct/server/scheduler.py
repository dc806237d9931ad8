"""Runs the sessions' jobs on worker threads, the most urgent first, without ever holding the event loop.

Each session has a `Lane`. A lane hands few jobs at a time to the shared queue, so that one busy session cannot crowd
out the others, and a closed lane's jobs are dropped. Results come back on the event loop, in no promised order.

Updates are asked for when a thread is about to be free for them (`on_turn`), not handed in as soon as they are due: so
the machine's load decides how often they run, and each hears all that was said by then.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from voxduct.models import Job, JobKind
from voxduct.server.clock import Clock
from voxduct.server.job_queue import JobQueue, Ticket
from voxduct.server.pace import Pace, UpdateGate

LANE_WIDTH = 4  # jobs of one session in the shared queue or running
PROMPT = (JobKind.DECODE, JobKind.VAD)
SPARE_UPDATES = 1  # queued beyond those that run, so that no thread waits for the event loop
OBSERVED_S = 1.0  # how often the pace is adjusted

OnResult: TypeAlias = Callable[[Job, object], None]
OnTurn: TypeAlias = Callable[[], None]


class JobWatcher(Protocol):
    """Is told about jobs; called from worker threads."""

    def job_ran(self, kind: JobKind, queued_s: float, ran_s: float, failed: bool) -> None:
        """A job ran."""


class LaneHost(Protocol):
    """What a lane needs of its scheduler."""

    def ticket(self, job: Job, lane: Lane) -> Ticket[Lane]:
        """A job with its place in the order."""

    def enqueue(self, ticket: Ticket[Lane]) -> None:
        """Lets the next free thread have the job."""

    def want_update(self, lane: Lane, wanted: bool) -> None:
        """Whether the lane has an update to hand in when its turn comes."""


class Lane:
    """One session's way into the scheduler. Use it on the event loop's thread only."""

    def __init__(self, host: LaneHost, on_result: OnResult, on_turn: OnTurn = lambda: None) -> None:
        self._host = host
        self._on_result = on_result
        self._on_turn = on_turn
        self._waiting: list[Ticket[Lane]] = []
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
        ticket = self._host.ticket(job, self)
        if job.kind is JobKind.REVISION:  # waits for all others anyway, and must not take a place in the lane
            self._host.enqueue(ticket)
        elif job.kind in PROMPT:  # short, and everything else depends on it: never behind the lane's own jobs
            self._out += 1
            self._host.enqueue(ticket)
        else:
            heapq.heappush(self._waiting, ticket)
            self._release()

    def want_update(self, wanted: bool) -> None:
        """Whether an update could be submitted; `on_turn()` is called when it should be."""
        self._host.want_update(self, wanted and not self.closed)

    def take_turn(self) -> None:
        """Called by the scheduler, on the event loop: submit the update now."""
        if not self.closed:
            self._on_turn()

    def close(self) -> None:
        """Drops the jobs that have not begun, and the result of one that has."""
        self.closed = True
        self._waiting.clear()
        self._host.want_update(self, False)

    def _release(self) -> None:
        while self._waiting and self._out < LANE_WIDTH:
            self._out += 1
            self._host.enqueue(heapq.heappop(self._waiting))

    def deliver(self, job: Job, result: object) -> None:
        """Called by the scheduler, on the event loop."""
        self._out -= job.kind is not JobKind.REVISION
        if not self.closed:
            self._release()
            self._on_result(job, result)


class JobScheduler:
    """A fixed number of threads and one queue.

    A revision begins only when nothing else waits, and more than half of the threads (two at least) have nothing to
    do: one that has begun must leave threads free for what comes next. With one thread there are none.

    Used as an async context manager; on leaving, waiting jobs are dropped and running ones are waited for.
    """

    def __init__(self, workers: int, clock: Clock, watcher: JobWatcher) -> None:
        self._clock = clock
        self._watcher = watcher
        self._queue: JobQueue[Lane] = JobQueue(workers)
        self.pace = Pace()
        """How much less often than on an idle machine updates run."""
        self._updates: UpdateGate[Lane] = UpdateGate(workers + SPARE_UPDATES, self.pace)
        self._observed = clock.now()
        self._changed = threading.Condition()
        self._closing = False
        self._idle = 0  # threads that wait for a job
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

    def lane(self, on_result: OnResult, on_turn: OnTurn = lambda: None) -> Lane:
        """A way in for one session; close it when the session ends."""
        return Lane(self, on_result, on_turn)

    @property
    def workers(self) -> int:
        """Threads that run jobs."""
        return len(self._threads)

    def queue_delay(self) -> float:
        """Seconds a job waits for a thread nowadays: the mean of the slowest kind, or the oldest one's wait so far."""
        with self._changed:
            return self._queue.delay(self._clock.now())

    def firm_load(self) -> float:
        """The share of the threads' time, 0 to 1, that VAD and final passes took lately: what cannot be left out."""
        with self._changed:
            return self._queue.firm_load(self._clock.now())

    def ticket(self, job: Job, lane: Lane) -> Ticket[Lane]:
        """A job with its place in the order."""
        return self._queue.ticket(job, lane, self._clock.now())

    def enqueue(self, ticket: Ticket[Lane]) -> None:
        """Lets the next free thread have the job, unless a more urgent one is there."""
        if ticket.kind is JobKind.UPDATE:
            self._updates.entered()
        with self._changed:
            self._queue.put(ticket)
            self._changed.notify()

    def want_update(self, lane: Lane, wanted: bool) -> None:
        """Whether the lane has an update to hand in; it is told when. On the event loop."""
        self._updates.want(lane, wanted, self._clock.now())
        self._give_turns()

    def _give_turns(self) -> None:
        now = self._clock.now()
        if now - self._observed >= OBSERVED_S:
            with self._changed:
                busy = self._queue.busy(now, OBSERVED_S)
            self.pace.observe(busy)
            self._observed = now
        while (lane := self._updates.next(now)) is not None:
            lane.take_turn()

    def _next(self) -> list[Ticket[Lane]]:
        with self._changed:
            self._idle += 1
            while not self._queue.ready(self._idle) and not self._closing:
                self._changed.wait()
            self._idle -= 1
            return [] if self._closing else self._queue.take(self._clock.now())

    def _work(self) -> None:
        while tickets := self._next():
            wanted = [ticket for ticket in tickets if not ticket.owner.closed]  # of the others the session is gone
            results = dict(zip(map(id, wanted), self._run(wanted), strict=True)) if wanted else {}
            self._deliver([(ticket, results.get(id(ticket))) for ticket in tickets])

    def _run(self, tickets: Sequence[Ticket[Lane]]) -> list[object]:
        began = self._clock.now()
        results = run_together([ticket.job for ticket in tickets])
        now = self._clock.now()
        with self._changed:
            self._queue.ran(tickets[0].kind, now - began, now)
        share = (now - began) / len(tickets)
        for ticket, result in zip(tickets, results, strict=True):
            self._watcher.job_ran(ticket.kind, began - ticket.submitted, share, isinstance(result, Exception))
        return results

    def _deliver(self, results: Sequence[tuple[Ticket[Lane], object]]) -> None:
        assert self._loop is not None  # the threads start in __aenter__
        try:
            self._loop.call_soon_threadsafe(self._hand_over, results)
        except RuntimeError:  # the loop was closed meanwhile: there is nobody to tell
            pass

    def _hand_over(self, results: Sequence[tuple[Ticket[Lane], object]]) -> None:
        for ticket, result in results:
            if ticket.kind is JobKind.UPDATE:
                self._updates.left()
            ticket.owner.deliver(ticket.job, result)
        self._give_turns()


def run_together(jobs: Sequence[Job]) -> list[object]:
    """What each job returned or raised; several share one run. Where that fails, each runs alone."""
    shared = [job.shared for job in jobs if job.shared is not None]
    if len(jobs) > 1:
        try:
            return list(shared[0].run([one.argument for one in shared]))
        except Exception:  # whatever a model raises: find out whose fault it is
            pass
    return [_run_alone(job) for job in jobs]


def _run_alone(job: Job) -> object:
    try:
        return job.run()
    except Exception as error:  # whatever a model raises fails its utterance, not the thread
        return error
