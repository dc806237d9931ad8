"""Jobs that wait for a thread: which is next, which run together, how long they wait, how busy the threads are.

Sans-I/O: the scheduler puts threads around it, tests put virtual ones.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from voxduct.models import Job, JobKind

RECENT_S = 5.0  # delays and work older than this say nothing about now
MOST_TOGETHER = 16  # jobs that share a run of their model
FIRM = (JobKind.DECODE, JobKind.VAD, JobKind.FINAL)  # what cannot be left out
OwnerT = TypeVar("OwnerT")


@dataclass(order=True, slots=True)
class Ticket(Generic[OwnerT]):
    """A job that waits, with its place in the order from when it may run."""

    kind: JobKind
    job: Job = field(compare=False)
    owner: OwnerT = field(compare=False)
    submitted: float = field(compare=False)
    arrival: int = 0


@dataclass(frozen=True, slots=True)
class _Began:
    time: float
    kind: JobKind
    waited: float


@dataclass(frozen=True, slots=True)
class _Ran:
    time: float
    kind: JobKind
    seconds: float


class JobQueue(Generic[OwnerT]):
    """Ordered by `JobKind`, then arrival. VAD jobs of one model that wait together run together."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._arrivals = itertools.count()
        self._waiting: list[Ticket[OwnerT]] = []
        self._began: deque[_Began] = deque()
        self._ran: deque[_Ran] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def ticket(self, job: Job, owner: OwnerT, now: float) -> Ticket[OwnerT]:
        """A job that waits from now; `put` it once it may run."""
        return Ticket(job.kind, job, owner, now)

    def put(self, ticket: Ticket[OwnerT]) -> None:
        """The job may run, after those of its kind that already may: who sends many at once gets ahead of nobody."""
        ticket.arrival = next(self._arrivals)
        heapq.heappush(self._waiting, ticket)

    def ready(self, idle: int) -> bool:
        """Whether the next job may begin when so many threads are idle, the asking one included.

        A revision waits until more than half of the threads, two at least, have nothing to do: one that has begun must
        leave threads free for what comes next. With one thread there are none.
        """
        if not self._waiting:
            return False
        return self._waiting[0].kind is not JobKind.REVISION or idle >= max(2, self._workers // 2 + 1)

    def take(self, now: float) -> list[Ticket[OwnerT]]:
        """The next job, and those that share its run; empty when none waits."""
        if not self._waiting:
            return []
        taken = [heapq.heappop(self._waiting)]
        shared = taken[0].job.shared
        while shared is not None and self._waiting and len(taken) < MOST_TOGETHER:
            other = self._waiting[0].job.shared
            if other is None or other.run != shared.run:
                break
            taken.append(heapq.heappop(self._waiting))
        if taken[0].kind is not JobKind.REVISION:  # that one waits by choice
            self._began.extend(_Began(now, ticket.kind, now - ticket.submitted) for ticket in taken)
        return taken

    def ran(self, kind: JobKind, seconds: float, now: float) -> None:
        """A run took so long."""
        self._ran.append(_Ran(now, kind, seconds))

    def clear(self) -> None:
        """Drops what waits."""
        self._waiting.clear()

    def delay(self, now: float) -> float:
        """Seconds that the kind that waits longest waits nowadays: the recent mean, or the oldest one's wait so far."""
        _forget(self._began, now, lambda began: began.time)
        means = [_mean(one.waited for one in self._began if one.kind is kind) for kind in JobKind]
        unwilling = (ticket.submitted for ticket in self._waiting if ticket.kind is not JobKind.REVISION)
        oldest = min(unwilling, default=now)
        return max(*means, now - oldest)

    def busy(self, now: float, seconds: float = RECENT_S, kinds: Iterable[JobKind] = tuple(JobKind)) -> float:
        """The share of the threads' time, 0 to 1, that jobs of these kinds took lately; at most 5 s are remembered."""
        _forget(self._ran, now, lambda ran: ran.time)
        wanted = set(kinds)
        spent = sum(one.seconds for one in self._ran if one.time >= now - seconds and one.kind in wanted)
        return spent / (seconds * self._workers)

    def firm_load(self, now: float) -> float:
        """The share taken by what cannot be left out."""
        return self.busy(now, RECENT_S, FIRM)


_T = TypeVar("_T")


def _forget(past: deque[_T], now: float, time_of: Callable[[_T], float]) -> None:
    while past and time_of(past[0]) < now - RECENT_S:
        past.popleft()


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
