from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_speaking import fake_synthesiser
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.events import Event, SpeechAudio, SpeechAudioEnded, SpeechCodes, SpeechEnd, SpeechWord, SpeechWords
from voxduct.loudness import KNEE
from voxduct.tts.sentence import CodedSentence, SentenceForm, SpokenSentence
from voxduct.tts.shaping.room import EARLY_S, FIRST_S, TAIL_S, Room, response
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TtsOptions

DATA = Path(__file__).parents[3] / "benchmarks" / "data" / "demo"
NOISE = np.random.default_rng(0).normal(0.0, 0.1, 9_000).astype(np.float32)
TEXT = "Hello world. The dog! How are you, cat?"


def through(samples: Samples, amount: float, sizes: list[int], rate: int = SAMPLE_RATE) -> Samples:
    """All that is heard of samples that come in pieces of these sizes, again and again."""
    heard: list[Samples] = []
    room, at = Room(amount, rate), 0
    while at < len(samples):
        size = sizes[len(heard) % len(sizes)]
        heard.append(room.feed(samples[at : at + size]))
        assert len(heard[-1]) == len(samples[at : at + size]), "nothing is late"
        at += size
    return np.concatenate([*heard, room.flush()])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=5), st.sampled_from([0.05, 0.3, 1.0]))
def test_room_of_any_pieces_is_the_convolution_of_the_whole(sizes: list[int], amount: float) -> None:
    expected = np.convolve(NOISE.astype(np.float64), response(amount, SAMPLE_RATE))
    heard = through(NOISE, amount, [max(size, 50) for size in sizes])
    assert np.abs(expected).max() < KNEE
    assert heard.shape == expected.shape
    assert np.abs(heard - expected).max() < 1e-6


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_room_of_a_click_is_the_click_then_reflections_then_a_tail(rate: int) -> None:
    click = np.zeros(10, np.float32)
    click[0] = 0.5
    heard = np.abs(through(click, 1.0, [10], rate)) / 0.5
    assert heard[0] > 0.6, "without delay"
    first = round(FIRST_S * rate)
    assert heard[1:first].max() < 1e-6
    early, late = heard[first : round(EARLY_S * rate)], heard[round(EARLY_S * rate) :]
    assert early.max() > 0.1 > late.max() > 0.0
    assert heard[-round(0.01 * rate) :].max() < 1e-3, "rings out, is not cut off"


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_room_decays_by_60_db_in_about_a_quarter_of_a_second(rate: int) -> None:
    energy = np.square(response(1.0, rate)[1:])
    left = 10.0 * np.log10(energy[::-1].cumsum()[::-1] / energy.sum())  # Schroeder's backward integration
    decay_s = 3.0 * (np.argmax(left < -25.0) - np.argmax(left < -5.0)) / rate
    assert 0.15 < decay_s < 0.3


@pytest.mark.parametrize("clip", ["demo-01.opus", "demo-02.opus", "demo-03.opus"])
@pytest.mark.parametrize("amount", [0.3, 1.0])
def test_room_keeps_the_level_of_speech_and_full_scale(clip: str, amount: float) -> None:
    dry, rate = soundfile.read(DATA / clip, dtype="float32")
    wet = through(dry, amount, [1_280], rate)
    assert abs(10.0 * np.log10(np.square(wet).sum() / np.square(dry).sum())) < 1.0
    shout = np.sign(dry).astype(np.float32)
    assert np.abs(through(shout, amount, [1_280], rate)).max() <= 1.0


def test_room_of_a_larger_share_is_more_reverberant() -> None:
    shares = [
        np.square(found[1:]).sum() / found[0] ** 2 for found in (response(a, 16_000) for a in (0.1, 0.3, 0.6, 1.0))
    ]
    assert all(later > 2.0 * before for before, later in pairwise(shares))
    assert 0.2 < shares[-1] < 0.7


def test_room_that_nothing_was_fed_or_that_rang_out_is_silent() -> None:
    room = Room(0.5, SAMPLE_RATE)
    assert room.flush().size == 0
    assert room.feed(np.zeros(0, np.float32)).size == 0
    first = np.concatenate([room.feed(NOISE), room.flush()])
    assert np.array_equal(np.concatenate([room.feed(NOISE), room.flush()]), first), "it begins anew"


@pytest.mark.parametrize("amount", [-0.1, 1.1, float("nan")])
def test_tts_options_of_a_room_that_cannot_be_raise_value_error(amount: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        TtsOptions(room=amount)


def said(form: SentenceForm = SpokenSentence, *, late_end: bool = False, **options: object) -> list[Event]:
    stream = SpeechStream(fake_synthesiser(options=TtsOptions(**options)), "a", None, 0, form)  # type: ignore[arg-type]
    events: list[Event] = []
    stream.feed(TEXT + " " * late_end)
    for ends in (False, True) if late_end else (True,):
        if ends:
            stream.end()
        while (job := stream.next_job()) is not None:
            events += stream.receive(job.run())
    assert stream.done
    return events


def sound(events: list[Event]) -> Samples:
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


def words_of(events: list[Event]) -> list[SpeechWord]:
    return [word for event in events if isinstance(event, SpeechWords) for word in event.words]


def test_speech_stream_in_a_room_is_its_whole_speech_in_that_room() -> None:
    dry, wet = said(), said(room=0.4)
    assert np.abs(sound(wet) - through(sound(dry), 0.4, [len(sound(dry))])).max() < 1e-6
    assert len(sound(wet)) == len(sound(dry)) + round(TAIL_S * SAMPLE_RATE) - 1
    assert wet[-1] == SpeechAudioEnded("a", SpeechEnd.COMPLETED, len(sound(wet)))
    at = 0
    for event in wet:
        if isinstance(event, SpeechAudio):
            assert event.start == at
            at += event.size


def test_speech_stream_in_a_room_one_sentence_rings_into_the_pause_before_the_next() -> None:
    pause = sound(said()) == 0.0
    assert pause.sum() > 1_000
    heard = sound(said(room=0.4))[: len(pause)][pause]
    assert np.square(heard).mean() > 1e-8


@pytest.mark.parametrize("jobs", [(1,), (2, 5), (40,)])
@pytest.mark.parametrize("late_end", [False, True])
def test_speech_stream_in_a_room_of_any_jobs_is_the_same_and_words_lie_where_they_lay(
    jobs: tuple[int, ...], late_end: bool
) -> None:
    other = said(room=0.4, job_frames=jobs, late_end=late_end)
    assert np.abs(sound(other) - sound(said(room=0.4))).max() < 1e-6
    assert words_of(other) == words_of(said()) and len(words_of(other)) == 8


def test_speech_stream_without_a_room_is_what_it_was() -> None:
    assert np.array_equal(sound(said(room=0.0)), sound(said()))


def test_speech_stream_of_codes_has_no_room() -> None:
    dry, wet = said(CodedSentence), said(CodedSentence, room=0.4)
    assert wet[-1] == dry[-1]
    assert not any(isinstance(event, SpeechAudio) for event in wet)
    codes = [[event.sound.codes for event in each if isinstance(event, SpeechCodes)] for each in (wet, dry)]
    assert np.array_equal(np.concatenate(codes[0], axis=1), np.concatenate(codes[1], axis=1))


def test_speech_stream_in_a_room_that_is_cancelled_stops_without_a_tail() -> None:
    stream = SpeechStream(fake_synthesiser(options=TtsOptions(room=0.4)), "a")
    stream.feed(TEXT)
    job = stream.next_job()
    assert job is not None
    size = sum(event.size for event in stream.receive(job.run()) if isinstance(event, SpeechAudio))
    assert stream.cancel() == [SpeechAudioEnded("a", SpeechEnd.CANCELLED, size)]
