"""A final pass that begins in a pause, before it is certain that the utterance has ended there.

Two things must come together until it says anything: what the job returned, and the decision that the utterance ended
where it was supposed to. Either may come first. When speech resumes instead, nobody asks, and nothing is left of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from voxduct.asr.recogniser import Heard, Recogniser, Window
from voxduct.events import Event
from voxduct.models import Job, JobKind

Settle: TypeAlias = Callable[[object], list[Event]]


@dataclass(slots=True)
class SpeculationCounts:
    """What became of speculations; one that is out is neither used nor dropped."""

    started: int = 0
    used: int = 0
    """Became the final text."""
    dropped: int = 0
    """Speech resumed, the final pass had to hear something else, or the job failed."""


class Speculation:
    """One job over the window that the final pass would hear, and what it returned or raised."""

    def __init__(self, recogniser: Recogniser, window: Window) -> None:
        self._recogniser = recogniser
        self._window = window
        self._outcome: object = None
        self._settle: Settle | None = None
        self._dropped = False
        self.job = Job(JobKind.FINAL, self._run, window.samples.size)

    def covers(self, window: Window) -> bool:
        """Whether a pass over `window`, of the same audio, would hear the same."""
        return _heard_by(self._window) == _heard_by(window)

    def settle(self, settle: Settle) -> list[Event]:
        """The utterance ended as supposed: `settle` is told what the job returned or raised, now or once it has."""
        self._settle = settle
        return self._tell()

    def drop(self) -> None:
        """Nobody wants the result any more; a job that still waits for a thread will compute nothing."""
        self._dropped = True

    def receive(self, result: object) -> list[Event]:
        """What the job returned."""
        self._outcome = result
        return self._tell()

    def fail(self, error: BaseException) -> list[Event]:
        """The job raised."""
        self._outcome = error
        return self._tell()

    def _run(self) -> Heard | None:
        return None if self._dropped else self._recogniser.recognise(self._window)

    def _tell(self) -> list[Event]:
        if self._dropped or self._settle is None or self._outcome is None:
            return []
        return self._settle(self._outcome)


def _heard_by(window: Window) -> tuple[object, ...]:
    """All that the result depends on, given that positions name the same audio."""
    return window.start, window.samples.size, window.forced, window.language, window.tail
