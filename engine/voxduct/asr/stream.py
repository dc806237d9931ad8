"""One utterance: audio in; partial, committed and final text out.

Updates fall due on a fixed grid of the utterance's own samples, so what is said does not depend on how the audio was
cut into chunks. Each update recognises a bounded window anew, with the words that are already committed forced
through the decoder, and commits what two updates in a row agree upon (see `hypothesis`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.asr.hypothesis import HeardWord, HypothesisBuffer
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Doubt, Heard, Recogniser, Window
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import InferenceError, VoxductError
from voxduct.events import CommittedText, Event, Failed, FinalText, PartialText
from voxduct.models import Job, JobKind

__all__ = ["AsrOptions", "AsrStream", "Recogniser"]

SAMPLES_PER_MS = SAMPLE_RATE // 1000
QUIET_RATIO = 0.25  # of the window's RMS: below it, audio after the utterance's end holds no words


@dataclass(frozen=True, slots=True)
class _Pass:
    """A job that is out."""

    end: int  # position up to which it hears
    final: bool


class AsrStream:
    """Follows one utterance from `start` until its `FinalText`.

    Feed it audio and call `next_job` after every `feed`, `end`, `receive` and `fail`. After `done` everything is
    ignored.
    """

    def __init__(self, recogniser: Recogniser, utterance: int, start: int) -> None:
        self._recogniser = recogniser
        self._options = recogniser.options
        self._utterance = utterance
        self._start = start
        self._window = _Audio(start)
        self._due = start + self._options.first_update_ms * SAMPLES_PER_MS
        self._buffer = HypothesisBuffer()
        self._heard_until = start  # how far the newest hypothesis reaches
        self._partial = ""
        self._language = self._options.language
        self._end: int | None = None
        self._out: _Pass | None = None
        self.done = False
        """The final text was said."""

    def feed(self, samples: Samples) -> None:
        """The utterance's next samples, shape [n]; what comes after `end` is ignored."""
        if not self.done and self._end is None:
            self._window.append(samples)

    def end(self, position: int) -> None:
        """The utterance ended at `position`; audio fed beyond it was silence or belongs to the next one."""
        if self._end is None:
            self._end = min(max(position, self._start), self._window.end)

    def next_job(self) -> Job | None:
        """The pass that is due, or None.

        One is out at a time, except that the final pass does not wait for an update: it takes its place, and the
        caller must drop what the update returns.
        """
        if self.done or (self._out is not None and not self._superseded(self._out)):
            return None
        newest = self._newest_due()
        if newest is not None:
            return self._job(_Pass(newest, final=False), self._options.update_tail_ms)
        if self._end is None:
            return None
        return self._job(_Pass(self._end, final=True), self._options.final_tail_ms)

    def receive(self, result: object) -> list[Event]:
        """What the job returned."""
        out, self._out = self._out, None
        if out is None or self.done:
            return []
        if not isinstance(result, Heard):
            raise TypeError(f"expected Heard, not {type(result).__name__}")
        self._language = self._language or result.language or None
        repetitive = result.doubt is Doubt.REPETITIVE  # tells nothing: keep to what was heard before
        if out.final:
            return self._finish(self._buffer.hypothesis if repetitive else result.words, out.end)
        return self._update(None if repetitive else result.words, out.end)

    def fail(self, error: BaseException) -> list[Event]:
        """The job raised: the utterance ends with what was committed."""
        self._out = None
        if self.done:
            return []
        code = error.code if isinstance(error, VoxductError) else InferenceError.code
        failed = Failed(code, f"recognition failed: {error}", utterance=self._utterance)
        return [failed, *self._finish((), self._window.end if self._end is None else self._end)]

    def _superseded(self, out: _Pass) -> bool:
        return self._options.coalesce and self._end is not None and not out.final

    def _newest_due(self) -> int | None:
        """The grid point to recognise next, or None; moves the grid on past it."""
        if self._window.end < self._due or (self._end is not None and self._options.coalesce):
            return None
        step = self._options.update_ms * SAMPLES_PER_MS
        newest = self._due
        if self._options.coalesce:
            newest += (self._window.end - self._due) // step * step
        self._due = newest + step
        return newest

    def _job(self, out: _Pass, tail_ms: int) -> Job:
        self._out = out
        window = self._snapshot(out.end, tail_ms * SAMPLES_PER_MS)
        kind = JobKind.FINAL if out.final else JobKind.UPDATE
        if out.final and self._already_heard(out.end):
            heard = Heard(self._buffer.hypothesis, self._language or "")
            return Job(kind, lambda: heard, 0)
        return Job(kind, lambda: self._recogniser.recognise(window), window.samples.size)

    def _snapshot(self, end: int, tail: int) -> Window:
        start = self._window.start
        forced = [t for heard in self._buffer.committed if heard.word.start >= start for t in heard.tokens]
        return Window(self._window.until(end), start, tuple(forced), self._language, tail)

    def _already_heard(self, end: int) -> bool:
        """Whether the last update heard the whole utterance and nothing but silence after it."""
        if self._heard_until < end:
            return False
        speech, after = self._window.until(end), self._window.until(self._heard_until)[end - self._window.start :]
        return _rms(after) <= QUIET_RATIO * _rms(speech)

    def _update(self, words: Sequence[HeardWord] | None, end: int) -> list[Event]:
        committed: list[HeardWord] = []
        if words is not None:
            self._heard_until = end
            committed += self._buffer.update(words, end - self._options.hold_back_ms * SAMPLES_PER_MS)
        committed += self._trim(end)
        events: list[Event] = self._committed(committed)
        text = " ".join(heard.word.text for heard in self._buffer.hypothesis)
        if committed or text != self._partial:  # clients clear the partial text when words are committed
            self._partial = text
            events.append(PartialText(self._utterance, text, end))
        return events

    def _trim(self, end: int) -> list[HeardWord]:
        """Shortens a window that has become too long; returns words that had to be committed for it."""
        if end - self._window.start <= self._options.max_window_s * SAMPLE_RATE:
            return []
        latest = end - int(self._options.keep_window_s * SAMPLE_RATE)
        forced = self._buffer.commit_before(latest)
        edges = [heard.word.end for heard in self._buffer.committed if heard.word.end <= latest]
        edge = edges[-1] if edges and edges[-1] > self._window.start else latest
        self._window.forget_before(edge)
        return forced

    def _finish(self, words: Sequence[HeardWord], end: int) -> list[Event]:
        self.done = True
        events = self._committed(self._buffer.finish(words))
        said = tuple(heard.word for heard in self._buffer.committed)
        confidence = float(np.mean([word.probability for word in said])) if said else 0.0
        language = self._language or ("" if self._recogniser.multilingual else "en")
        self._window = _Audio(end)
        return [*events, FinalText(self._utterance, self._start, end, said, confidence, language)]

    def _committed(self, words: Sequence[HeardWord]) -> list[Event]:
        return [CommittedText(self._utterance, tuple(heard.word for heard in words))] if words else []


class _Audio:
    """The window's samples, addressed by position."""

    def __init__(self, start: int) -> None:
        self._chunks: list[Samples] = []
        self.start = start
        self.end = start

    def append(self, samples: Samples) -> None:
        """Adds samples after `end`."""
        if samples.size:
            self._chunks.append(samples)
            self.end += samples.size

    def until(self, position: int) -> Samples:
        """Samples of [start, position), shape [position - start]; never written to again."""
        whole = np.concatenate([*self._chunks, np.zeros(0, np.float32)])
        self._chunks = [whole]
        return whole[: position - self.start]

    def forget_before(self, position: int) -> None:
        """Drops samples before `position`."""
        rest = self.until(self.end)[position - self.start :]
        self._chunks = [rest.copy()]
        self.start = position


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0
