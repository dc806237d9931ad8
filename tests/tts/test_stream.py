from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_speaking import FakeLm, fake_synthesiser, fake_voice
from voxduct.errors import InferenceError, TextError, VoiceError
from voxduct.events import Event, Failed, SpeechAudio, SpeechAudioEnded, SpeechAudioStarted, SpeechEnd, SpeechWords
from voxduct.loudness import KNEE, limited
from voxduct.models import JobKind
from voxduct.tts.silence import BLOCK, LONGEST_CUT, LeadingSilence
from voxduct.tts.stream import SpeechStream
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text_to_speech import TtsOptions

TEXT = "Hello world. The dog! How are you, cat?"


def run(stream: SpeechStream) -> list[Event]:
    events: list[Event] = []
    while (job := stream.next_job()) is not None:
        assert stream.next_job() is None  # one at a time
        events += stream.receive(job.run())
    return events


def speak(synthesiser: Synthesiser, pieces: list[str], seed: int = 0, voice: str | None = None) -> list[Event]:
    stream = SpeechStream(synthesiser, "a", voice, seed)
    events = []
    for piece in pieces:
        stream.feed(piece)
        events += run(stream)
    stream.end()
    events += run(stream)
    assert stream.done
    return events


def sound(events: list[Event]) -> np.ndarray:
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


def test_speech_stream_text_gives_started_audio_ended_without_gaps() -> None:
    events = speak(fake_synthesiser(), [TEXT])
    first, *middle, last = [event for event in events if not isinstance(event, SpeechWords)]
    assert first == SpeechAudioStarted("a", "ada", 16000)
    assert last == SpeechAudioEnded("a", SpeechEnd.COMPLETED, len(sound(events)))
    at = 0
    for event in middle:
        assert isinstance(event, SpeechAudio)
        assert event.start == at
        assert len(event.samples)
        at += len(event.samples)


WHOLE = sound(speak(fake_synthesiser(), [TEXT]))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_speech_stream_any_pieces_of_text_give_the_same_samples(sizes: list[int]) -> None:
    pieces, at, turn = [], 0, 0
    while at < len(TEXT):
        pieces.append(TEXT[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(pieces[-1]), turn + 1
    assert np.array_equal(sound(speak(fake_synthesiser(), pieces)), WHOLE)


@pytest.mark.parametrize("sizes", [(1,), (2, 3, 5), (7,), (1000,)])
def test_speech_stream_any_job_sizes_give_the_same_samples(sizes: tuple[int, ...]) -> None:
    assert np.array_equal(sound(speak(fake_synthesiser(options=TtsOptions(job_frames=sizes)), [TEXT])), WHOLE)


@pytest.mark.parametrize(("pieces", "job"), [([*TEXT], 12), ([TEXT[:9], TEXT[9:]], 1), ([TEXT], 5)])
def test_speech_stream_with_a_spread_any_chunking_gives_the_same_samples(pieces: list[str], job: int) -> None:
    spread = sound(speak(fake_synthesiser(advance_spread=0.4), [TEXT]))
    chunked = fake_synthesiser(options=TtsOptions(job_frames=(job,)), advance_spread=0.4)
    assert np.array_equal(sound(speak(chunked, pieces)), spread)
    assert len(spread) != len(WHOLE)


def test_speech_stream_seed_changes_the_samples_and_repeats_them() -> None:
    again = sound(speak(fake_synthesiser(), [TEXT], seed=1))
    assert np.array_equal(sound(speak(fake_synthesiser(), [TEXT], seed=1)), again)
    assert len(again) != len(WHOLE) or not np.array_equal(again, WHOLE)


def test_speech_stream_voice_is_named_and_heard() -> None:
    events = speak(fake_synthesiser(voices=[fake_voice("ada"), fake_voice("benny")]), [TEXT], voice="benny")
    assert isinstance(events[0], SpeechAudioStarted)
    assert events[0].voice == "benny"
    assert len(sound(events)) != len(WHOLE)


def test_speech_stream_first_job_is_small_and_jobs_grow() -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed(TEXT)
    stream.end()
    sizes = []
    while (job := stream.next_job()) is not None:
        assert job.kind is JobKind.SPEECH
        sizes.append(job.audio_samples)
        stream.receive(job.run())
    assert sizes[:4] == [960, 1280, 2560, 3840]
    assert set(sizes[4:]) == {3840}


def test_speech_stream_first_sentence_is_spoken_before_the_text_ends() -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed("Hello wor")
    assert stream.next_job() is None
    stream.feed("ld. T")
    assert run(stream)
    assert not stream.done


CLAUSES = "Hello the apple and the dog, how are you the cat? One two. The apple, 日本 日本 日本 日本. Three."


def test_speech_stream_first_clause_is_spoken_before_its_sentence_ends() -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed("Hello the apple and the dog, how are you")
    assert stream.next_job() is None  # the third word may not be whole
    stream.feed(" t")
    assert isinstance(run(stream)[0], SpeechAudioStarted)
    assert not stream.done


def test_speech_stream_clauses_switched_off_waits_for_the_sentence() -> None:
    stream = SpeechStream(fake_synthesiser(options=TtsOptions(clauses=False)), "a")
    stream.feed("Hello the apple and the dog, how are you the cat? ")
    assert stream.next_job() is None
    stream.feed("O")
    assert stream.next_job() is not None


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_speech_stream_any_pieces_of_text_with_clauses_give_the_same_samples(sizes: list[int]) -> None:
    pieces, at, turn = [], 0, 0
    while at < len(CLAUSES):
        pieces.append(CLAUSES[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(pieces[-1]), turn + 1
    assert np.array_equal(sound(speak(fake_synthesiser(), pieces)), sound(speak(fake_synthesiser(), [CLAUSES])))


@pytest.mark.parametrize(("clause_ms", "sentence_ms", "added"), [(0, 0, 0), (50, 0, 1), (0, 50, 3), (50, 50, 4)])
def test_speech_stream_pauses_between_clauses_and_between_sentences(
    clause_ms: int, sentence_ms: int, added: int
) -> None:
    """One between clauses and three between sentences, the last of them after a rest that is mute."""
    without = TtsOptions(clause_pause_ms=0, sentence_pause_ms=0)
    paused = TtsOptions(clause_pause_ms=clause_ms, sentence_pause_ms=sentence_ms)
    lengths = [len(sound(speak(fake_synthesiser(options=options), [CLAUSES]))) for options in (without, paused)]
    assert lengths[1] - lengths[0] == added * 50 * 16


def test_speech_stream_cancelled_between_clauses_says_no_more() -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed("Hello the apple and the dog, how are you t")
    said = len(sound(run(stream)))
    assert stream.cancel() == [SpeechAudioEnded("a", SpeechEnd.CANCELLED, said)]
    stream.feed("he cat? One two.")
    stream.end()
    assert stream.next_job() is None


def test_speech_stream_feed_calls_no_model() -> None:
    lm = FakeLm()
    synthesiser = fake_synthesiser(lm)
    primed = len(lm.fed)
    stream = SpeechStream(synthesiser, "a")
    stream.feed(TEXT)
    stream.end()
    assert stream.next_job() is not None
    assert len(lm.fed) == primed


def test_speech_stream_cancel_ends_at_once_and_ignores_the_job_that_is_out() -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed(TEXT)
    job = stream.next_job()
    assert job is not None
    assert stream.cancel() == [SpeechAudioEnded("a", SpeechEnd.CANCELLED, 0)]
    assert stream.done
    assert stream.receive(job.run()) == []
    assert stream.next_job() is None
    assert stream.cancel() == []


@pytest.mark.parametrize(
    ("error", "code"), [(InferenceError("broken"), "inference_failed"), (RuntimeError("x"), "inference_failed")]
)
def test_speech_stream_failed_job_ends_the_request_with_a_typed_event(error: Exception, code: str) -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed(TEXT)
    assert stream.next_job() is not None
    failed, ended = stream.fail(error)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.id) == (code, "a")
    assert ended == SpeechAudioEnded("a", SpeechEnd.FAILED, 0)
    assert stream.done


def test_speech_stream_failing_request_leaves_the_next_one_alone() -> None:
    lm = FakeLm()
    synthesiser = fake_synthesiser(lm)
    lm.fail_at = 30
    stream = SpeechStream(synthesiser, "a")
    stream.feed(TEXT)
    with pytest.raises(RuntimeError):
        run(stream)
    lm.fail_at = None
    assert np.array_equal(sound(speak(synthesiser, [TEXT])), WHOLE)


@pytest.mark.parametrize("text", ["", "   ", "??? ...", "😀", "日本語。"])
def test_speech_stream_nothing_speakable_fails_with_bad_text(text: str) -> None:
    failed, ended = speak(fake_synthesiser(), [text])
    assert isinstance(failed, Failed)
    assert failed.code == TextError.code
    assert isinstance(ended, SpeechAudioEnded)


def test_speech_stream_unspeakable_sentence_in_between_is_passed_over() -> None:
    events = speak(fake_synthesiser(), ["Hello. ??? World."])
    assert isinstance(events[-1], SpeechAudioEnded)
    assert events[-1].reason is SpeechEnd.COMPLETED


@pytest.mark.parametrize("count", [5001, 100_000])
def test_speech_stream_too_much_text_raises_text_error_naming_the_limit(count: int) -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    with pytest.raises(TextError, match="5,000"):
        stream.feed("a" * count)
    assert not stream.done


def test_speech_stream_limit_counts_all_pieces_of_a_request() -> None:
    stream = SpeechStream(fake_synthesiser(options=TtsOptions(max_characters=10)), "a")
    stream.feed("hello you.")
    with pytest.raises(TextError):
        stream.feed("x")
    stream.end()
    assert isinstance(run(stream)[-1], SpeechAudioEnded)


def test_speech_stream_unknown_voice_raises_voice_error_naming_those_there_are() -> None:
    with pytest.raises(VoiceError, match="ada, ben"):
        SpeechStream(fake_synthesiser(), "a", "nobody")


def test_speech_stream_foreign_result_raises_type_error() -> None:
    stream = SpeechStream(fake_synthesiser(), "a")
    stream.feed(TEXT)
    stream.next_job()
    with pytest.raises(TypeError):
        stream.receive("no result")


def test_speech_stream_endless_word_is_spoken_in_parts() -> None:
    digits = "1" * 150
    events = speak(fake_synthesiser(lm=FakeLm(lambda n: 99.0)), [digits])
    assert isinstance(events[-1], SpeechAudioEnded)
    assert events[-1].reason is SpeechEnd.COMPLETED


def test_leading_silence_is_cut_and_the_start_faded_in() -> None:
    quiet, tone = np.zeros(10 * BLOCK, np.float32), np.full(4 * BLOCK, 0.5, np.float32)
    found = LeadingSilence().feed(np.concatenate([quiet, tone]))
    assert len(found) == 5 * BLOCK
    assert found[0] == 0
    assert np.array_equal(found[BLOCK:], tone)


def test_leading_silence_sound_at_once_is_faded_in() -> None:
    found = LeadingSilence().feed(np.full(2 * BLOCK, 0.5, np.float32))
    assert len(found) == 2 * BLOCK
    assert found[0] == 0
    assert np.all(np.diff(found[:BLOCK]) > 0)
    assert found[-1] == 0.5


def test_leading_silence_that_never_ends_is_not_cut_for_ever() -> None:
    silence = LeadingSilence()
    found = [silence.feed(np.zeros(320, np.float32)) for _ in range(100)]
    assert sum(map(len, found)) == 100 * 320 - LONGEST_CUT + BLOCK


@pytest.mark.parametrize("size", [BLOCK, 320, 960])
def test_leading_silence_any_pieces_give_the_same_samples(size: int) -> None:
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=9600) * np.repeat([0, 1e-4, 0.3, 0, 0.2], 1920)).astype(np.float32)
    silence = LeadingSilence()
    pieces = [silence.feed(samples[at : at + size]) for at in range(0, len(samples), size)]
    assert np.array_equal(np.concatenate(pieces), LeadingSilence().feed(samples))


def test_limited_loud_samples_stay_within_full_scale_and_in_order() -> None:
    samples = np.linspace(-7, 7, 1001).astype(np.float32)
    found = limited(samples)
    assert np.abs(found).max() <= 1.0
    assert np.all(np.diff(found) >= 0)
    assert np.array_equal(found[np.abs(samples) <= KNEE], samples[np.abs(samples) <= KNEE])


def test_limited_no_samples_gives_none() -> None:
    assert len(limited(np.zeros(0, np.float32))) == 0


def test_speech_stream_mixture_is_named_as_asked_and_any_job_sizes_give_the_same_samples() -> None:
    voices = [fake_voice("ada"), fake_voice("benny")]

    def said(name: str, *sizes: int) -> list[Event]:
        return speak(fake_synthesiser(options=TtsOptions(job_frames=sizes), voices=voices), [TEXT], voice=name)

    events = said("ada:0.7+benny:0.3", 3, 4, 8)
    assert isinstance(events[0], SpeechAudioStarted)
    assert events[0].voice == "ada:0.7+benny:0.3"
    for name, sizes in (("ada:0.7+benny:0.3", (1,)), ("benny:3+ada:7", (1000,))):
        assert np.array_equal(sound(said(name, *sizes)), sound(events))
    for other in ("ada", "benny", "ada+benny"):
        assert not np.array_equal(sound(said(other, 8))[:2000], sound(events)[:2000])
