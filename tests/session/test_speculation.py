"""Final passes that begin in a pause: never another word, only sooner. In virtual time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_hearing import FakeVad, say
from tests.session.virtual_time import Moment, Shell
from voxduct.asr.hypothesis import HeardWord
from voxduct.asr.live.speculation import SpeculationCounts
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Doubt, Heard, Recogniser, Window
from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding, float_to_pcm16
from voxduct.events import Event, Failed, FinalText, InputEnded, MarkerReached, SpeechStopped, Word
from voxduct.models import Floats, Job, JobKind
from voxduct.session import Engine, Session, SessionOptions, run_to_rest
from voxduct.vad import VadOptions

WORD = 4_000  # samples


class Picky(Recogniser):
    """Hears a word every quarter of a second; the last one tells exactly which window it was heard in."""

    def __init__(self, options: AsrOptions, faults: int = 0) -> None:
        self.options = options
        self.multilingual = False
        self._faults = faults
        self.windows: list[int] = []

    def recognise(self, window: Window) -> Heard:
        self.windows.append(window.samples.size)
        known = (
            window.start,
            window.samples.size,
            window.forced,
            window.language,
            window.tail,
            float(window.samples.sum()),
        )
        seen = zlib.crc32(repr(known).encode())
        if seen % 16 < self._faults:
            raise RuntimeError("out of memory")
        doubt = Doubt.REPETITIVE if seen % 16 == 15 else None
        first, last = window.start // WORD + len(window.forced), (window.start + window.samples.size) // WORD
        names = [*(str(i) for i in range(first, last)), f"{seen:x}"]
        words = [Word(name, (first + i) * WORD, (first + i + 1) * WORD, 0.5) for i, name in enumerate(names)]
        return Heard(tuple(HeardWord(word, (i,)) for i, word in enumerate(words)), "en", doubt)


@dataclass
class Schedule:
    """Phrases of so many words, each followed by so many ms of pause, and how the world treats them."""

    phrases: Sequence[tuple[int, int]]
    chunk: int = 512
    update_ms: int = 200
    final_ms: int = 200
    jitter: int = 0
    level: float = 0.3
    noise: float = 0.0
    faults: int = 0
    marker_s: float | None = None
    vad: VadOptions = field(default_factory=VadOptions)

    def audio(self) -> Floats:
        pieces = [say(*["alpha"] * words, gap=0, level=self.level) for words, _ in self.phrases]
        rng = np.random.default_rng(0)
        rests = [np.clip(rng.standard_normal(ms * 16) * self.noise, -1, 1) for _, ms in self.phrases]
        audio: Floats = np.concatenate([part for pair in zip(pieces, rests, strict=True) for part in pair])
        return audio.astype(np.float32)

    def seconds(self, job: Job) -> float:
        """The same for the same work, so that schedules with and without speculation can be compared."""
        wobble = zlib.crc32(f"{job.audio_samples} {self.jitter}".encode()) % (self.jitter + 1)
        match job.kind:
            case JobKind.VAD:
                return 0.001
            case JobKind.FINAL if job.audio_samples == 0:
                return 0.001
            case JobKind.FINAL:
                return (self.final_ms + wobble) / 1000
            case _:
                return (self.update_ms + wobble) / 1000

    def shell(self, speculate_ms: int, *, lockstep: bool = False) -> Shell:
        recogniser = Picky(AsrOptions(speculate_ms=speculate_ms), self.faults)
        options = SessionOptions(vad=self.vad, lockstep=lockstep)
        shell = Shell(
            Session(Engine(FakeVad(), recogniser), options, AudioFormat(SAMPLE_RATE, Encoding.S16LE)), self.seconds
        )
        if self.marker_s is not None:
            shell.at(min(self.marker_s, self.audio().size / SAMPLE_RATE), lambda: shell.session.receive_marker("m"))
        shell.hear(float_to_pcm16(self.audio()).tobytes(), self.chunk)
        return shell


def counts(shell: Shell) -> SpeculationCounts:
    return shell.session._hearing.speculations


def by_utterance(said: Sequence[Moment]) -> dict[int | None, list[Moment]]:
    """What was said about each utterance, in order; under None, what is about none."""
    sorted_out: dict[int | None, list[Moment]] = {}
    for moment in said:
        sorted_out.setdefault(getattr(moment[1], "utterance", None), []).append(moment)
    return sorted_out


def delays(said: Sequence[Moment]) -> list[float]:
    """Seconds from each endpoint's decision to its final text."""
    decided = {event.utterance: time for time, event in said if isinstance(event, SpeechStopped)}
    return [time - decided[event.utterance] for time, event in said if isinstance(event, FinalText)]


def events_of(shell: Shell) -> list[Event]:
    return [event for _, event in shell.run()]


SCHEDULES = st.builds(
    Schedule,
    phrases=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 40).map(lambda n: n * 20)), min_size=1, max_size=6),
    chunk=st.sampled_from([160, 512, 700, 3_200, 8_000]),
    update_ms=st.sampled_from([10, 100, 200, 350, 500, 1_200]),
    final_ms=st.sampled_from([10, 100, 200, 350, 500, 1_200]),
    jitter=st.integers(0, 200),
    level=st.sampled_from([0.3, 0.05]),
    noise=st.sampled_from([0.0, 0.015]),
    faults=st.sampled_from([0, 0, 2]),
    marker_s=st.none() | st.floats(0.0, 8.0),
    vad=st.sampled_from([VadOptions(), VadOptions(hangover_ms=700), VadOptions(max_utterance_s=2.0)]),
)


@settings(max_examples=150, deadline=None)
@given(schedule=SCHEDULES)
def test_speculation_on_any_schedule_says_the_same_and_no_later(schedule: Schedule) -> None:
    without, having = by_utterance(schedule.shell(0).run()), by_utterance(schedule.shell(150).run())
    assert without.keys() == having.keys()
    for utterance, plain in without.items():
        sooner = having[utterance]
        assert [event for _, event in sooner] == [event for _, event in plain]
        failed = any(isinstance(event, Failed) for moments in without.values() for _, event in moments)
        if not failed:  # a failed one is tried again, which takes time
            assert all(new <= old + 1e-9 for (new, _), (old, _) in zip(sooner, plain, strict=True))


@settings(max_examples=40, deadline=None)
@given(schedule=SCHEDULES)
def test_speculation_on_any_schedule_is_used_or_dropped_at_most_once_a_pause(schedule: Schedule) -> None:
    shell = schedule.shell(150)
    shell.run()
    seen = counts(shell)
    assert seen.started == seen.used + seen.dropped <= sum(ms >= 150 for _, ms in schedule.phrases)


@settings(max_examples=15, deadline=None)
@given(schedule=SCHEDULES, chunk=st.integers(100, 9_000))
def test_recording_with_speculation_says_the_same_for_any_chunking(schedule: Schedule, chunk: int) -> None:
    def heard(speculate_ms: int, size: int) -> list[Event]:
        session = schedule.shell(speculate_ms, lockstep=True).session
        pcm = float_to_pcm16(schedule.audio()).tobytes()
        events: list[Event] = []
        for begin in range(0, len(pcm), 2 * size):
            session.receive_audio(pcm[begin : begin + 2 * size])
            events += run_to_rest(session)
        session.end_input()
        return events + run_to_rest(session)

    assert heard(150, chunk) == heard(0, 512)


def test_speculation_of_a_slow_model_brings_the_final_soon_after_the_decision() -> None:
    schedule = Schedule([(3, 700)], final_ms=300, update_ms=100)
    ((without,), (having,)) = (delays(schedule.shell(ms).run()) for ms in (0, 150))
    assert without == pytest.approx(0.3, abs=0.01)
    assert having < 0.1


def test_speculation_ready_before_the_decision_is_said_with_it() -> None:
    shell = Schedule([(1, 700)], final_ms=100).shell(150)
    assert delays(shell.run()) == [0.0]
    assert counts(shell) == SpeculationCounts(started=1, used=1)


def test_speculation_when_speech_resumes_is_dropped_and_leaves_no_trace() -> None:
    schedule = Schedule([(1, 200), (1, 700)], final_ms=200, update_ms=300)
    shell = schedule.shell(150)
    said = shell.run()
    assert counts(shell) == SpeculationCounts(started=2, used=1, dropped=1)
    assert len(delays(said)) == 1
    assert [event for _, event in said] == events_of(schedule.shell(0))


def test_speculation_still_queued_when_speech_resumes_computes_nothing() -> None:
    schedule = Schedule([(1, 300), (1, 700)], final_ms=500, update_ms=10)
    shell = schedule.shell(150)
    (speculated,) = [time for time, job in run_jobs(shell) if job.kind is JobKind.FINAL and time < 0.9]
    recogniser = shell.session._hearing._recogniser
    assert isinstance(recogniser, Picky)
    assert speculated < 0.7
    assert 6_656 not in recogniser.windows


def run_jobs(shell: Shell) -> list[tuple[float, Job]]:
    shell.run()
    return shell.ran


def test_speculation_that_failed_is_not_reported_when_speech_resumes() -> None:
    class FailsFirst(Picky):
        def recognise(self, window: Window) -> Heard:
            if window.samples.size == 6_656 and not self.windows:  # the first pause's speculation
                self.windows.append(0)
                raise RuntimeError("out of memory")
            return super().recognise(window)

    for phrases in ([(1, 300), (2, 700)], [(1, 700)]):
        schedule = Schedule(phrases, final_ms=50)
        shell = schedule.shell(150)
        recogniser = FailsFirst(AsrOptions())
        shell.session._hearing._recogniser = recogniser
        events = events_of(shell)
        assert recogniser.windows[0] == 0
        assert counts(shell) == SpeculationCounts(started=1, dropped=1)
        assert events == events_of(schedule.shell(0))


def test_speculation_failing_twice_fails_the_utterance_once() -> None:
    class Broken(Picky):
        def recognise(self, window: Window) -> Heard:
            self.windows.append(window.samples.size)
            raise RuntimeError("out of memory")

    shell = Schedule([(1, 700)], final_ms=50).shell(150)
    shell.session._hearing._recogniser = recogniser = Broken(AsrOptions())
    events = events_of(shell)
    assert [type(event) for event in events[-4:]] == [SpeechStopped, Failed, FinalText, InputEnded]
    assert recogniser.windows.count(6_656) == 2


def test_speculation_while_an_update_is_out_waits_for_it() -> None:
    schedule = Schedule([(3, 700)], update_ms=300)  # 1.2 s of speech, and an update falls due with its end
    shell = schedule.shell(150)
    started = {job.kind: time for time, job in run_jobs(shell)}
    updates = [time for time, job in shell.ran if job.kind is JobKind.UPDATE]
    assert started[JobKind.FINAL] == pytest.approx(max(t for t in updates if t < 1.35) + 0.3)


def test_speculation_of_a_session_that_is_behind_is_not_begun() -> None:
    slow_vad = Schedule([(1, 700)])
    shell = slow_vad.shell(150)
    shell.seconds = lambda job: 0.2 if job.kind is JobKind.VAD else slow_vad.seconds(job)
    shell.run()
    # one update returns in the pause, and the next is 0.6 s late by then
    slow_updates = Schedule([(6, 700)], update_ms=900).shell(150)
    slow_updates.run()
    assert counts(shell).started == counts(slow_updates).started == 0


def test_recording_is_never_speculated_about() -> None:
    shell = Schedule([(1, 700)]).shell(150, lockstep=True)
    shell.run()
    assert counts(shell) == SpeculationCounts()


def test_marker_in_a_pause_uses_the_speculation() -> None:
    shell = Schedule([(1, 300), (1, 700)], final_ms=100, marker_s=0.69).shell(150)
    said = shell.run()
    marked = [time for time, event in said if isinstance(event, MarkerReached)]
    assert counts(shell) == SpeculationCounts(started=1, used=1)  # the other final is the last update
    assert marked == [pytest.approx(0.69, abs=0.002)]
