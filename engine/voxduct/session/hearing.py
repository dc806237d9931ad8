"""The listening half of a session: bytes -> samples -> speech spans -> text.

Audio and the points where the client asked for everything to be final (`marker`, end of input) stay in one queue, in
the order they came. A point is applied when all audio before it has been judged by the VAD: it closes the open
utterance, and is reached when every utterance up to there has said its final text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from voxduct.asr.live.second_pass import SecondPass
from voxduct.asr.live.speculation import Speculation
from voxduct.asr.live.stream import AsrStream, Recogniser
from voxduct.asr.recogniser import Heard
from voxduct.audio import SAMPLE_RATE, AudioFormat, Samples
from voxduct.dsp import Resampler
from voxduct.events import Event, InputEnded, MarkerReached, SpeechStarted, SpeechStopped
from voxduct.models import Job, VadModel
from voxduct.session.counts import EngineCounts
from voxduct.session.history import History
from voxduct.vad import VadOptions, VadStage

REMEMBERED_SAMPLES = 2 * SAMPLE_RATE  # more than any pre-roll plus the shortest speech that starts an utterance


@dataclass(slots=True)
class _Point:
    """A place in the input before which everything must become final."""

    marker: str | None  # None: the end of input
    position: int
    waiting_for: list[AsrStream] = field(default_factory=list)


_Stage: TypeAlias = VadStage | AsrStream | Speculation | SecondPass


class Hearing:
    """Feeds the VAD, opens an `AsrStream` per utterance, and keeps markers in their place.

    With `lockstep`, one VAD frame is judged at a time and everything due is computed before more is heard, so that
    the events are those of an infinitely fast machine, whatever the chunking. Files and tests want that; a live
    session must not wait for its recogniser, and begins final passes before it is sure of them. With `second`, it also
    hears utterances again with that recogniser once their final text was said.
    """

    def __init__(
        self,
        vad: VadModel,
        recogniser: Recogniser,
        audio_format: AudioFormat,
        vad_options: VadOptions,
        *,
        lockstep: bool,
        counts: EngineCounts | None = None,
        second: Recogniser | None = None,
    ) -> None:
        self._format = audio_format
        self._recogniser = recogniser
        self._resampler = Resampler(audio_format.sample_rate)
        self._counts = counts or EngineCounts()
        self._vad = VadStage(vad, vad_options, self._counts.gate.add)
        self._frame_size = vad.frame_size
        self._lockstep = lockstep
        # nobody waits for the finals of a recording, so there a pass that may be in vain only costs
        self._speculate_after = 0 if lockstep else recogniser.options.speculate_ms * SAMPLE_RATE // 1000
        self._history = History()
        self._inputs: deque[Samples | _Point] = deque()
        self._applied: deque[_Point] = deque()
        self._streams: list[AsrStream] = []
        self._second_pass = SecondPass(second)
        self._open: AsrStream | None = None
        self._fed = 0  # where the open stream's audio ends
        self._words_end = 0  # before it all words of earlier utterances end
        self._out: dict[Job, _Stage] = {}
        self.speculations = self._counts.speculations
        """What became of final passes that began before the end of their utterance was decided, in all sessions."""
        self.hold_updates = False
        """Hand no updates out for now; `update_due` tells whether there is one."""
        self.hold_speculations = False
        """Time is short: begin no final passes that may be in vain for now, and let updates cost little."""
        self.received = 0
        """Samples accepted so far, at 16 kHz."""
        self.done = False
        """The end of input was reached; nothing more will be said."""

    @property
    def backlog(self) -> int:
        """Samples accepted but not yet judged; the shell stops reading its socket when this grows too large."""
        return self.received - self._vad.position

    @property
    def update_due(self) -> bool:
        """Whether an update is held."""
        return any(stream.update_due is not None for stream in self._streams)

    def receive(self, data: bytes) -> None:
        """One binary message; raises AudioFormatError and drops the message when it cannot be audio."""
        self.feed(self._format.decode(data))

    def feed(self, samples: Samples) -> None:
        """Samples of shape [n] at the declared rate."""
        self._accept(self._resampler.feed(samples))

    def mark(self, marker: str | None) -> None:
        """Asks for everything before now to become final; None ends the input."""
        if marker is None:
            self._accept(self._resampler.flush())
            self._second_pass.close()  # nobody who has ended the input waits for it
        self._inputs.append(_Point(marker, self.received))

    def _accept(self, samples: Samples) -> None:
        if samples.size:
            self._inputs.append(samples)
            self.received += samples.size

    def pump(self) -> tuple[list[Event], list[Job]]:
        """Moves input on as far as it goes; returns what happened and the jobs to run."""
        events: list[Event] = []
        jobs: list[Job] = []
        while True:
            jobs += self._take_jobs()
            if self._lockstep and self._out:
                break
            if not self._advance(events):
                break
        self._second_pass.observe(events)
        return events + self._reached(), jobs

    def _take_jobs(self) -> list[Job]:
        self._streams = [stream for stream in self._streams if not stream.done]
        stages: list[VadStage | AsrStream | SecondPass] = [self._vad, *self._streams, self._second_pass]
        jobs = self._speculate()
        for stream in self._streams:
            stream.frugal = self.hold_speculations
        for stage in stages:
            if self.hold_updates and isinstance(stage, AsrStream) and stage.update_due is not None:
                continue
            job = stage.next_job()
            if job is not None:
                # a final pass takes the place of an update that is still out; what that returns is dropped
                self._out = {other: owner for other, owner in self._out.items() if owner is not stage}
                self._out[job] = stage
                jobs.append(job)
        return jobs

    def _speculate(self) -> list[Job]:
        """The final pass of an utterance that may have ended, if all audio was judged: those who lag must not guess."""
        if self._open is None or self.hold_speculations or self.backlog >= self._frame_size:
            return []
        speculation = self._open.speculate()
        if speculation is None:
            return []
        self._out[speculation.job] = speculation
        return [speculation.job]

    def _advance(self, events: list[Event]) -> bool:
        """Applies the head of the input queue; False when there is none or it must wait for the VAD."""
        if not self._inputs:
            return False
        head = self._inputs[0]
        if isinstance(head, _Point):
            if self._vad in self._out.values():
                return False
            self._inputs.popleft()
            self._apply(head, events)
            return True
        if self._lockstep and head.size > self._frame_size:
            self._inputs[0], head = head[self._frame_size :], head[: self._frame_size]
        else:
            self._inputs.popleft()
        self._history.append(head)
        self._vad.feed(head)
        return True

    def _apply(self, point: _Point, events: list[Event]) -> None:
        if point.marker is None:
            self._vad.end()
        self._follow(self._vad.close_utterance(), events)
        point.waiting_for = [stream for stream in self._streams if not stream.done]
        self._applied.append(point)

    def _reached(self) -> list[Event]:
        events: list[Event] = []
        while self._applied and all(stream.done for stream in self._applied[0].waiting_for):
            point = self._applied.popleft()
            if point.marker is None:
                self.done = True
                events.append(InputEnded(point.position))
            else:
                events.append(MarkerReached(point.marker, point.position))
        return events

    def owns(self, job: Job) -> bool:
        """Whether the job came from here and is still out."""
        return job in self._out

    def receive_result(self, job: Job, result: object) -> list[Event]:
        """What a job returned, or the exception it raised."""
        stage = self._out.pop(job)
        events: list[Event] = []
        if isinstance(result, BaseException):
            said: Sequence[Event] = stage.fail(result)
        else:
            if isinstance(result, Heard) and result.doubt is not None and stage is not self._second_pass:
                self._counts.gate.add(result.doubt)
            said = stage.receive(result)
        if stage is self._vad:
            self._follow(said, events)
            self._feed_open(self._vad.position)
            self._suppose_end()
            forgotten = min(self._vad.position, self._history.end) - REMEMBERED_SAMPLES
            self._history.forget_before(forgotten)
            self._vad.silences.forget_before(forgotten)
        else:
            events.extend(said)
        self._second_pass.observe(events)
        return events

    def _follow(self, said: Sequence[Event], events: list[Event]) -> None:
        """Opens and ends utterances as the VAD says."""
        for event in said:
            events.append(event)
            match event:
                case SpeechStarted(utterance, start):
                    self._open = AsrStream(self._recogniser, utterance, start, self.speculations, self._words_end)
                    self._streams.append(self._open)
                    self._fed = start
                    self._second_pass.begin(utterance, start)
                case SpeechStopped(_, end, decided) if self._open is not None:
                    self._feed_open(min(decided, self._history.end))
                    events.extend(self._open.end(end))
                    self._words_end = max(end, self._open.words_end)
                    self._open = None
                case _:
                    pass

    def _feed_open(self, position: int) -> None:
        if self._open is not None and position > self._fed:
            samples = self._history.between(self._fed, position)
            self._open.feed(samples, self._vad.silences.between(self._fed, position))
            self._second_pass.feed(samples)
            self._fed = position

    def _suppose_end(self) -> None:
        """Tells the open utterance whether there has been silence for so long that it may have ended."""
        since = self._vad.silent_since
        if since is not None and not 0 < self._speculate_after <= self._vad.position - since:
            since = None
        if self._open is not None:
            self._open.suppose_end(since)
