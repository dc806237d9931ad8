from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_hearing import FakeVad, say, split
from voxduct.audio import SAMPLE_RATE
from voxduct.events import Event, Failed, SpeechStarted, SpeechStopped
from voxduct.models import Floats
from voxduct.vad import TRANSITIONS, EnergyGate, Level, Refusal, SpeechDetector, VadOptions, VadStage, VadState

FRAME = 512  # 32 ms
PROBABILITIES = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), max_size=300)
SHORT = VadOptions(max_utterance_s=2.0)


def judged(probabilities: Sequence[float], options: VadOptions | None = None) -> list[SpeechStarted | SpeechStopped]:
    detector = SpeechDetector(options or VadOptions(), FRAME)
    events = [event for probability in probabilities for event in detector.feed(probability)]
    return events + detector.flush()


def heard(chunks: Sequence[Floats], options: VadOptions | None = None) -> list[Event]:
    stage = VadStage(FakeVad(), options or VadOptions())
    events: list[Event] = []
    for chunk in chunks:
        stage.feed(chunk)
        while (job := stage.next_job()) is not None:
            events += stage.receive(job.run())
    stage.end()
    assert stage.done
    return [*events, *stage.close_utterance()]


def test_transitions_cover_every_state_and_level() -> None:
    assert set(TRANSITIONS) == {(state, level) for state in VadState for level in Level}


@settings(max_examples=80, deadline=None)
@given(probabilities=PROBABILITIES)
def test_detector_any_probabilities_started_and_stopped_alternate(probabilities: list[float]) -> None:
    events = judged(probabilities, SHORT)
    kinds = [type(event) for event in events]
    assert kinds == [SpeechStarted, SpeechStopped] * (len(events) // 2)
    assert [event.utterance for event in events] == [n for i in range(len(events) // 2) for n in (i, i)]


@settings(max_examples=80, deadline=None)
@given(probabilities=PROBABILITIES)
def test_detector_any_probabilities_positions_are_monotone(probabilities: list[float]) -> None:
    places = [e.start if isinstance(e, SpeechStarted) else e.end for e in judged(probabilities, SHORT)]
    assert all(before <= after for before, after in pairwise(places))


@settings(max_examples=80, deadline=None)
@given(probabilities=PROBABILITIES)
def test_detector_any_probabilities_nothing_lies_beyond_what_was_heard(probabilities: list[float]) -> None:
    detector = SpeechDetector(SHORT, FRAME)
    for i, probability in enumerate(probabilities, start=1):
        for event in detector.feed(probability):
            place = event.start if isinstance(event, SpeechStarted) else max(event.end, event.decided)
            assert place <= i * FRAME == detector.position


@settings(max_examples=30, deadline=None)
@given(probabilities=PROBABILITIES)
def test_detector_any_probabilities_no_utterance_is_longer_than_the_maximum(probabilities: list[float]) -> None:
    events = judged(probabilities, SHORT)
    for started, stopped in zip(events[::2], events[1::2], strict=True):
        assert isinstance(started, SpeechStarted)
        assert isinstance(stopped, SpeechStopped)
        assert stopped.decided - started.start < 2 * SAMPLE_RATE + FRAME


def test_detector_speech_starts_with_pre_roll_and_ends_where_speech_ended() -> None:
    assert judged([0.0] * 20 + [0.9] * 10 + [0.0] * 20) == [
        SpeechStarted(0, 20 * FRAME - 4_800),
        SpeechStopped(0, 30 * FRAME, 42 * FRAME),  # 12 frames: the first multiple of 32 ms from 380 ms on
    ]


def test_detector_click_shorter_than_minimum_is_ignored() -> None:
    assert judged([0.0] * 5 + [1.0] * 2 + [0.0] * 20) == []


def test_detector_pause_shorter_than_hangover_does_not_split() -> None:
    assert len(judged([1.0] * 10 + [0.0] * 11 + [1.0] * 10)) == 2


def test_detector_unsure_frames_keep_speech_going_but_do_not_start_it() -> None:
    assert judged([0.4] * 30) == []
    assert judged([1.0] * 5 + [0.4] * 30)[1] == SpeechStopped(0, 35 * FRAME, 35 * FRAME)


def test_detector_too_long_utterance_is_cut_at_its_quietest_place_and_goes_on() -> None:
    probabilities = [0.9] * 62
    probabilities[55] = 0.5
    events = judged([*probabilities, *[0.9] * 10], SHORT)
    cut = 55 * FRAME + FRAME // 2
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped] * 2
    assert events[1] == SpeechStopped(0, cut, 63 * FRAME)
    assert events[2] == SpeechStarted(1, cut)


def test_detector_long_utterance_is_content_with_a_shorter_pause() -> None:
    long = VadOptions(max_utterance_s=4.0)
    assert len(judged([1.0] * 118 + [0.0] * 5 + [1.0] * 5, long)) == 4
    assert len(judged([1.0] * 50 + [0.0] * 5 + [1.0] * 5, long)) == 2


def test_gate_steady_noise_of_any_level_closes_it_within_seconds() -> None:
    for level in (-50.0, -30.0):
        gate = EnergyGate(VadOptions(), FRAME)
        opened = [gate.feed(level + wobble) for wobble in np.random.default_rng(0).uniform(-0.5, 0.5, 30 * 31)]
        assert not any(opened[15 * 31 :])


def test_gate_speech_with_gaps_stays_open() -> None:
    gate = EnergyGate(VadOptions(), FRAME)
    opened = [[gate.feed(level) for level in [-20.0] * 40 + [-55.0] * 5] for _ in range(30)]
    assert all(all(phrase[:40]) for phrase in opened)


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_stage_silence_that_the_model_calls_speech_starts_nothing(level: float) -> None:
    class Credulous(FakeVad):
        def probabilities(self, frames: Floats, state: object) -> Floats:
            return np.ones(len(frames), np.float32)

    stage = VadStage(Credulous(), VadOptions())
    stage.feed(np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE).astype(np.float32) * np.float32(level))
    job = stage.next_job()
    assert job is not None
    assert stage.receive(job.run()) == []


AUDIO = np.concatenate([np.zeros(9_000), say("alpha", "bravo", gap=9_000), say("echo"), np.zeros(700)]).astype(
    np.float32
)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=30))
def test_stage_any_chunking_says_the_same(cuts: list[int]) -> None:
    expected = heard([AUDIO])
    assert len(expected) == 6
    assert heard(split(AUDIO, cuts)) == expected


def test_stage_all_waiting_frames_become_one_job() -> None:
    stage = VadStage(FakeVad(), VadOptions())
    stage.feed(np.zeros(3 * FRAME + 5, np.float32))
    job = stage.next_job()
    assert job is not None
    assert job.audio_samples == 3 * FRAME
    assert stage.next_job() is None  # one job out at a time
    stage.receive(job.run())
    assert stage.position == 3 * FRAME


def test_stage_closed_while_speaking_counts_samples_that_make_no_frame() -> None:
    audio = say("alpha")[: 10 * FRAME + 100]
    assert heard([audio])[-1] == SpeechStopped(0, audio.size, audio.size)


def test_stage_closed_by_hand_goes_on_with_the_next_utterance() -> None:
    stage = VadStage(FakeVad(), VadOptions())
    events: list[Event] = []
    for _ in range(2):
        stage.feed(say("alpha"))
        job = stage.next_job()
        assert job is not None
        events += stage.receive(job.run())
        events += stage.close_utterance()
    first, second = events[1], events[2]
    assert isinstance(first, SpeechStopped)
    assert isinstance(second, SpeechStarted)
    assert second.start == first.end  # no sample belongs to two utterances


def test_stage_failed_job_is_reported_and_counts_as_silence() -> None:
    stage = VadStage(FakeVad(), VadOptions())
    stage.feed(AUDIO[: 4 * FRAME])
    assert stage.next_job() is not None
    events = stage.fail(RuntimeError("out of memory"))
    assert events == [Failed("inference_failed", "voice activity detection failed: out of memory")]
    assert stage.position == 4 * FRAME


def test_stage_silences_are_the_frames_below_the_release_and_those_too_quiet_to_start() -> None:
    class Doubtful(FakeVad):
        def probabilities(self, frames: Floats, state: object) -> Floats:
            return np.array([0.9, 0.9, 0.1, 0.4, 0.9, 0.9, 0.9, 0.1, 0.1, 0.5], np.float32)

    stage = VadStage(Doubtful(), VadOptions())
    loud = np.full((10, FRAME), 0.1, np.float32)
    loud[1] = 0.0
    stage.feed(loud.reshape(-1))
    job = stage.next_job()
    assert job is not None
    stage.receive(job.run())
    frames = [(start // FRAME, end // FRAME) for start, end in stage.silences.between(0, 10 * FRAME)]
    assert frames == [(1, 3), (7, 9)]


def test_stage_speech_too_quiet_to_start_is_refused_once_a_run() -> None:
    class Sure:
        frame_size = 512

        def new_state(self) -> None:
            return None

        def probabilities(self, frames: Floats, state: object) -> Floats:
            return np.ones(len(frames), np.float32)

    refused: list[Refusal] = []
    stage = VadStage(Sure(), VadOptions(), refused.append)
    quiet, loud = np.full(2_048, 1e-5, np.float32), np.full(4_096, 0.1, np.float32)
    for samples in (quiet, loud, quiet):
        stage.feed(samples)
    while (job := stage.next_job()) is not None:
        stage.receive(job.run())
    assert refused == [Refusal.QUIET]
