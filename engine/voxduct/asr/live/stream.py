"""One utterance: audio in; partial, committed and final text out.

Updates fall due on a fixed grid of the utterance's own samples, so what is said does not depend on how the audio was
cut into chunks. Each update recognises a bounded window anew, with the words that are already committed forced
through the decoder, and commits what two updates in a row agree upon (see `hypothesis`).

In a pause the final pass may begin before the end of the utterance is decided (see `speculation`). That runs beside the
updates and changes nothing but when the final text comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxduct.asr.hypothesis import HeardWord, HypothesisBuffer
from voxduct.asr.live.speculation import Speculation, SpeculationCounts
from voxduct.asr.live.utterance import UtteranceAudio
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Doubt, Heard, Recogniser, Window
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import InferenceError, VoxductError
from voxduct.events import CommittedText, Event, Failed, FinalText, PartialText
from voxduct.models import Job, JobKind
from voxduct.silence import Silences

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
    ignored. Whoever has time to spare also calls `suppose_end` in pauses, and `speculate` before `next_job`.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        utterance: int,
        start: int,
        counts: SpeculationCounts | None = None,
        after: int = 0,
    ) -> None:
        """`after` is where the last word of the utterance before ends; none of this one starts sooner."""
        self._recogniser = recogniser
        self._options = recogniser.options
        self._utterance = utterance
        self._start = start
        self._window = UtteranceAudio(start)
        self._listening = recogniser.listener.begin(start) if recogniser.listener else None
        self._due = start + self._options.first_update_ms * SAMPLES_PER_MS
        self._buffer = HypothesisBuffer(max(start, after))
        self._heard_until = start  # how far the newest hypothesis reaches
        self._partial = ""
        self._language = self._options.language
        self._language_probability = 1.0
        self._end: int | None = None
        self._out: _Pass | None = None
        self._supposed: int | None = None  # where the utterance may have ended
        self._speculation: Speculation | None = None  # of this pause; awaited once `_end` is known
        self._counts = counts or SpeculationCounts()
        self.frugal = False
        """Time is short: updates are to cost little."""
        self.done = False
        """The final text was said."""

    @property
    def words_end(self) -> int:
        """Where its last committed word ends; before there is one, where the first may start."""
        return self._buffer.words_end

    def feed(self, samples: Samples, silences: Silences = ()) -> None:
        """The utterance's next samples, shape [n], and where they are silent; what comes after `end` is ignored."""
        if not self.done and self._end is None:
            self._window.append(samples, silences)

    def suppose_end(self, position: int | None) -> None:
        """The utterance may have ended at `position`; None: it goes on."""
        if position != self._supposed and self._end is None:
            self._drop_speculation()
            self._supposed = position

    def speculate(self) -> Speculation | None:
        """A final pass over what was heard up to the supposed end; None when there was one or it would be useless.

        While an update is out, it is not known which words will be committed, so the final pass is not either; and
        whoever has fallen behind has no time to spare. Without coalescing, the final waits for every update anyway.
        """
        if self.done or self._end is not None or self._supposed is None or self._speculation is not None:
            return None
        if not self._options.coalesce:
            return None
        end = self._within(self._supposed)
        if self._out is not None or self._behind() or self._already_heard(end):
            return None
        self._counts.started += 1
        self._speculation = Speculation(self._recogniser, self._final_window(end))
        return self._speculation

    def end(self, position: int) -> list[Event]:
        """The utterance ended at `position`; audio fed beyond it was silence or belongs to the next one.

        Returns the final text when a speculation has it already.
        """
        if self.done or self._end is not None:
            return []
        self._end = self._within(position)
        self._buffer.latest = self._end
        if self._speculation is None or not self._confirmed(self._speculation, self._end):
            self._drop_speculation()
            return []
        self._out = None  # an update, whose place the final pass takes
        return self._speculation.settle(self._settle)

    def next_job(self) -> Job | None:
        """The pass that is due, or None.

        One is out at a time, except that the final pass does not wait for an update: it takes its place, and the
        caller must drop what the update returns.
        """
        if self.done or self._awaiting or (self._out is not None and not self._superseded(self._out)):
            return None
        newest = self._newest_due()
        if newest is not None:
            return self._update_job(newest)
        if self._end is None:
            return None
        return self._final_job(self._end)

    def receive(self, result: object) -> list[Event]:
        """What the job returned."""
        out, self._out = self._out, None
        return [] if out is None or self.done else self._hear(result, out)

    def _hear(self, result: object, out: _Pass) -> list[Event]:
        if not isinstance(result, Heard):
            raise TypeError(f"expected Heard, not {type(result).__name__}")
        if not self._language and result.language:
            self._language, self._language_probability = result.language, result.language_probability
        self._listening = result.listening or self._listening
        repetitive = result.doubt is Doubt.REPETITIVE  # tells nothing: keep to what was heard before
        if out.final:
            return self._finish(self._buffer.hypothesis if repetitive else result.words, out.end)
        return self._update(None if repetitive else result, out.end)

    def fail(self, error: BaseException) -> list[Event]:
        """The job raised: the utterance ends with what was committed."""
        self._out = None
        if self.done or self._awaiting:  # then it was an update whose place the final pass has taken
            return []
        code = error.code if isinstance(error, VoxductError) else InferenceError.code
        failed = Failed(code, f"recognition failed: {error}", utterance=self._utterance)
        return [failed, *self._finish((), self._window.end if self._end is None else self._end)]

    @property
    def update_due(self) -> int | None:
        """Where the update fell due that `next_job` would return; None when it would return something else or none."""
        if self.done or self._awaiting or self._out is not None or self._window.end < self._due:
            return None
        return None if self._end is not None and self._options.coalesce else self._due

    @property
    def _awaiting(self) -> bool:
        """Whether the final pass is a speculation that is still out."""
        return self._end is not None and self._speculation is not None

    def _within(self, position: int) -> int:
        return min(max(position, self._start), self._window.end)

    def _behind(self) -> bool:
        """Whether the update that is due is a whole step late."""
        return self._window.end - self._due >= self._options.update_ms * SAMPLES_PER_MS

    def _confirmed(self, speculation: Speculation, end: int) -> bool:
        """Whether a final pass is needed, and would hear what the speculation does."""
        return not self._already_heard(end) and speculation.covers(self._final_window(end))

    def _settle(self, outcome: object) -> list[Event]:
        """What the confirmed speculation returned or raised; a failed one gives way to an ordinary final pass."""
        if isinstance(outcome, BaseException) or self._end is None:
            self._drop_speculation()
            return []
        self._counts.used += 1
        self._speculation = None
        return self._hear(outcome, _Pass(self._end, final=True))

    def _drop_speculation(self) -> None:
        if self._speculation is not None:
            self._speculation.drop()
            self._speculation = None
            self._counts.dropped += 1

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

    def _update_job(self, end: int) -> Job:
        self._out = _Pass(end, final=False)
        tail = 0 if self._listening else self._options.update_tail_ms * SAMPLES_PER_MS
        window = replace(self._snapshot(end, tail), frugal=self.frugal)
        return Job(JobKind.UPDATE, lambda: self._recogniser.recognise(window), window.samples.size)

    def _final_job(self, end: int) -> Job:
        self._out = _Pass(end, final=True)
        if self._already_heard(end):
            heard = Heard(self._buffer.hypothesis, self._language or "")
            return Job(JobKind.FINAL, lambda: heard, 0)
        window = self._final_window(end)
        return Job(JobKind.FINAL, lambda: self._recogniser.recognise(window), window.samples.size)

    def _final_window(self, end: int) -> Window:
        window = self._snapshot(end, self._options.final_tail_ms * SAMPLES_PER_MS)
        return replace(window, by_letters=self._options.letter_times)

    def _snapshot(self, end: int, tail: int) -> Window:
        start = self._window.start
        forced = [t for heard in self._buffer.committed if heard.word.start >= start for t in heard.tokens]
        silences = self._window.silences_until(end)
        return Window(
            samples=self._window.until(end),
            start=start,
            forced=tuple(forced),
            draft=tuple(token for heard in self._buffer.hypothesis for token in heard.tokens),
            language=self._language,
            tail=tail,
            silences=silences,
            after=self._buffer.words_end,
            listening=self._listening,
        )

    def _already_heard(self, end: int) -> bool:
        """Whether the last update heard the whole utterance and nothing but silence after it."""
        if self._heard_until < end:
            return False
        speech, after = self._window.until(end), self._window.until(self._heard_until)[end - self._window.start :]
        return _rms(after) <= QUIET_RATIO * _rms(speech)

    def _update(self, heard: Heard | None, end: int) -> list[Event]:
        committed: list[HeardWord] = []
        if heard is not None:
            self._heard_until = end
            limit = end - self._options.hold_back_ms * SAMPLES_PER_MS
            committed += self._buffer.update(heard.words, limit, heard.stable)
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
        self._window.forget_before(edge if self._listening is None else self._listening.frame_start(edge))
        return forced

    def _finish(self, words: Sequence[HeardWord], end: int) -> list[Event]:
        self.done = True
        self._drop_speculation()
        events = self._committed(self._buffer.finish(words))
        said = tuple(heard.word for heard in self._buffer.committed)
        confidence = float(np.mean([word.probability for word in said])) if said else 0.0
        language = self._language or ("" if self._recogniser.multilingual else "en")
        self._window = UtteranceAudio(end)
        sure = self._language_probability
        return [*events, FinalText(self._utterance, self._start, end, said, confidence, language, sure)]

    def _committed(self, words: Sequence[HeardWord]) -> list[Event]:
        return [CommittedText(self._utterance, tuple(heard.word for heard in words))] if words else []


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0
