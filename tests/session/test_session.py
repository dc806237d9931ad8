"""One conversation, with deterministic doubles of the models and no clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say
from voxduct.asr.live.stream import AsrOptions, Recogniser
from voxduct.audio import AudioFormat, Encoding, float_to_pcm16
from voxduct.errors import AudioFormatError, MessageError
from voxduct.events import (
    CommittedText,
    Event,
    Failed,
    FinalText,
    InputEnded,
    MarkerReached,
    PartialText,
    SpeechStarted,
    SpeechStopped,
)
from voxduct.models import JobKind
from voxduct.session import Engine, Session, SessionOptions, run_to_rest

SILENCE = np.zeros(16_000, np.float32)
TALK = np.concatenate(
    [SILENCE, say("alpha", "bravo", "charlie", "delta", gap=1_600), SILENCE, say("echo", "golf"), SILENCE]
)


def new_session(*, lockstep: bool = True, whisper: FakeWhisper | None = None, rate: int = 16_000) -> Session:
    tokenizer = fake_tokenizer()
    recogniser = Recogniser(whisper or FakeWhisper(tokenizer), tokenizer, AsrOptions(coalesce=not lockstep))
    options = SessionOptions(lockstep=lockstep)
    return Session(Engine(FakeVad(), recogniser), options, AudioFormat(rate, Encoding.S16LE))


def pcm(samples: np.ndarray) -> bytes:
    return float_to_pcm16(samples).tobytes()


def converse(audio: np.ndarray, cuts: list[int]) -> list[Event]:
    """All events of a session that hears `audio` cut at these places, then the end of input."""
    session = new_session()
    events: list[Event] = []
    for piece in np.split(audio, sorted({cut % len(audio) for cut in cuts})):
        session.receive_audio(pcm(piece))
        events += run_to_rest(session)
    session.end_input()
    events += run_to_rest(session)
    assert session.done
    return events


WHOLE = converse(TALK, [])


def finals(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, FinalText)]


def test_session_hearing_two_utterances_says_each_once() -> None:
    assert finals(WHOLE) == ["alpha bravo charlie delta", "echo golf"]
    edges = [type(event) for event in WHOLE if isinstance(event, SpeechStarted | SpeechStopped)]
    assert edges == [SpeechStarted, SpeechStopped] * 2
    assert isinstance(WHOLE[-1], InputEnded)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, len(TALK)), max_size=40))
def test_session_for_any_chunking_says_the_same(cuts: list[int]) -> None:
    assert converse(TALK, cuts) == WHOLE


def test_committed_text_is_append_only_and_adds_up_to_the_final() -> None:
    for final in (event for event in WHOLE if isinstance(event, FinalText)):
        parts = [e for e in WHOLE if isinstance(e, CommittedText) and e.utterance == final.utterance]
        assert tuple(word for part in parts for word in part.words) == final.words
        assert WHOLE.index(parts[-1]) < WHOLE.index(final)


def test_words_lie_within_their_utterance_in_order() -> None:
    for final in (event for event in WHOLE if isinstance(event, FinalText)):
        edges = [edge for word in final.words for edge in (word.start, word.end)]
        assert edges == sorted(edges)
        assert final.start <= edges[0]
        assert edges[-1] <= final.end


def test_session_in_real_time_finds_the_same_words_as_in_lockstep() -> None:
    session = new_session(lockstep=False)
    events: list[Event] = []
    for at in range(0, len(TALK), 512):
        session.receive_audio(pcm(TALK[at : at + 512]))
        events += run_to_rest(session)
    session.end_input()
    events += run_to_rest(session)
    assert finals(events) == finals(WHOLE)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_session_at_another_rate_hears_the_same_words(rate: int) -> None:
    session = new_session(rate=rate)
    times = np.arange(0, len(TALK) * rate // 16_000) / rate
    session.receive_audio(pcm(np.interp(times, np.arange(len(TALK)) / 16_000, TALK).astype(np.float32)))
    session.end_input()
    assert finals(run_to_rest(session)) == finals(WHOLE)


def test_marker_within_an_utterance_closes_it_and_comes_after_its_final() -> None:
    session = new_session()
    session.receive_audio(pcm(np.concatenate([SILENCE, say("alpha", "bravo", gap=1_600)])))
    session.receive_marker("here")
    session.receive_audio(pcm(np.concatenate([say("charlie", "delta", gap=1_600), SILENCE])))
    session.end_input()
    events = run_to_rest(session)
    kinds = [e.text if isinstance(e, FinalText) else e.id for e in events if isinstance(e, FinalText | MarkerReached)]
    assert kinds == ["alpha bravo", "here", "charlie delta"]


def test_markers_in_silence_are_echoed_in_order() -> None:
    session = new_session()
    session.receive_audio(pcm(SILENCE))
    session.receive_marker("a")
    session.receive_marker("b")
    assert [e.id for e in run_to_rest(session) if isinstance(e, MarkerReached)] == ["a", "b"]


def test_marker_waits_until_the_audio_before_it_was_judged() -> None:
    session = new_session(lockstep=False)
    session.receive_audio(pcm(SILENCE))
    (vad,) = session.jobs()
    session.receive_marker("later")
    assert session.jobs() == []
    assert session.events() == []
    session.receive_result(vad, vad.run())
    assert [e.id for e in run_to_rest(session) if isinstance(e, MarkerReached)] == ["later"]


def test_recogniser_failing_once_fails_that_utterance_alone() -> None:
    tokenizer = fake_tokenizer()
    whisper = FakeWhisper(tokenizer)
    whisper.fail_at = 1
    session = new_session(whisper=whisper)
    session.receive_audio(pcm(TALK[: len(TALK) // 2]))
    events = run_to_rest(session)
    whisper.fail_at = None
    session.receive_audio(pcm(TALK[len(TALK) // 2 :]))
    session.end_input()
    events += run_to_rest(session)
    assert [e.utterance for e in events if isinstance(e, Failed)] == [0]
    assert finals(events)[-1] == "echo golf"
    assert isinstance(events[-1], InputEnded)


def test_odd_byte_count_is_refused_and_the_session_goes_on() -> None:
    session = new_session()
    session.receive_audio(pcm(TALK))
    with pytest.raises(AudioFormatError, match="3 bytes"):
        session.receive_audio(b"abc")
    session.end_input()
    assert finals(run_to_rest(session)) == finals(WHOLE)


def test_final_pass_does_not_wait_for_an_update_that_is_out() -> None:
    session = new_session(lockstep=False)
    session.receive_audio(pcm(np.concatenate([SILENCE, say("alpha", "bravo", gap=1_600)])))
    (vad,) = session.jobs()
    session.receive_result(vad, vad.run())
    (update,) = (job for job in session.jobs() if job.kind is JobKind.UPDATE)
    session.receive_marker("now")
    (final,) = session.jobs()
    assert final.kind is JobKind.FINAL
    session.receive_result(final, final.run())
    events = run_to_rest(session)
    assert finals(events) == ["alpha bravo"]
    session.receive_result(update, update.run())
    assert run_to_rest(session) == []


def test_input_after_the_end_is_refused() -> None:
    session = new_session()
    session.end_input()
    with pytest.raises(MessageError, match="open a new session"):
        session.receive_audio(pcm(SILENCE))


def test_text_without_a_voice_is_refused() -> None:
    with pytest.raises(MessageError) as caught:
        new_session().receive_text("a", "hello", None)
    assert caught.value.code == "no_voice"


def test_backlog_counts_audio_the_vad_has_not_judged() -> None:
    session = new_session(lockstep=False)
    session.receive_audio(pcm(SILENCE))
    assert session.backlog == len(SILENCE)
    run_to_rest(session)
    assert session.backlog < FakeVad.frame_size


def test_partials_say_how_far_was_heard() -> None:
    ends = [event.end for event in WHOLE if isinstance(event, PartialText) and event.utterance == 0]
    assert ends == sorted(ends)
    assert ends[-1] <= len(TALK)


def test_history_of_a_long_silence_stays_small() -> None:
    session = new_session(lockstep=False)
    for _ in range(60):
        session.receive_audio(pcm(SILENCE))
        run_to_rest(session)
    history = session._hearing._history
    assert history.end - history.start < 4 * 16_000
    assert replace(SessionOptions(), lockstep=True).lockstep
