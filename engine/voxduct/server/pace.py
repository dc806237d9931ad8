"""How often updates may run when the machine cannot run them all: which session's is next, and how long it must wait.

Sans-I/O; the scheduler tells what time it is and how busy its threads were.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

BASE_S = 0.4  # an update's interval on an idle machine, as `AsrOptions.update_ms` has it
GREATEST_STRETCH = 10.0
BUSY = 0.9  # share of the threads' time: above it the interval is lengthened
EASY = 0.7  # below it, shortened; between the two nothing changes, so that it does not swing
LENGTHEN, SHORTEN = 1.25, 1 / 1.15  # an observation; quickly up, slowly down
LaneT = TypeVar("LaneT", bound=Hashable)


class Pace:
    """By how much the interval between two updates of an utterance is lengthened."""

    def __init__(self) -> None:
        self.stretch = 1.0
        """1 on a machine with time to spare."""

    @property
    def delay_s(self) -> float:
        """Seconds that an update waits after it fell due, whoever else waits."""
        return (self.stretch - 1.0) * BASE_S

    @property
    def relaxed(self) -> bool:
        """There is time to spare, so that work which may be in vain does no harm."""
        return self.stretch == 1.0

    def observe(self, busy: float) -> None:
        """The share of the threads' time, 0 to 1, that jobs took during the last second or so."""
        if busy > BUSY:
            self.stretch = min(self.stretch * LENGTHEN, GREATEST_STRETCH)
        elif busy < EASY:
            self.stretch = max(self.stretch * SHORTEN, 1.0)


class UpdateGate(Generic[LaneT]):
    """Lets few updates at once into the queue: the one that fell due first, first.

    An update that waits in here has not fixed what it listens to yet: when its turn comes it hears everything up to
    then. In the queue it would grow stale.
    """

    def __init__(self, room: int, pace: Pace) -> None:
        """`room` is how many updates may be queued or running."""
        self._room = room
        self._pace = pace
        self._due: dict[LaneT, float] = {}
        self._out = 0

    def __len__(self) -> int:
        return len(self._due)

    def want(self, lane: LaneT, wanted: bool, now: float) -> None:
        """Whether an update of this lane is due; it keeps its place while it waits."""
        if not wanted:
            self._due.pop(lane, None)
        else:
            self._due.setdefault(lane, now)

    def next(self, now: float) -> LaneT | None:
        """The lane whose update may go into the queue now; its place is given up."""
        if self._out >= self._room or not self._due:
            return None
        lane = min(self._due, key=self._due.__getitem__)
        if now < self._due[lane] + self._pace.delay_s:
            return None
        del self._due[lane]
        return lane

    def entered(self) -> None:
        """An update went into the queue."""
        self._out += 1

    def left(self) -> None:
        """An update ran, or was dropped from the queue."""
        self._out -= 1
