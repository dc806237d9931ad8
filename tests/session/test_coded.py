"""A session that hears and speaks packets of codes: the same words, positions and samples as with PCM."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_coded import DELAY, PlainCodec, RoughCodec, f32, once_through, packets
from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say
from tests.fakes_speaking import FakeLm, fake_synthesiser
from voxduct.asr.live.stream import AsrOptions, Recogniser
from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding
from voxduct.codec.stretches import SpeechDecoder, StretchDecoder, WireCodec
from voxduct.errors import AudioFormatError
from voxduct.events import (
    Event,
    Failed,
    FinalText,
    InputEnded,
    MarkerReached,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechAudioStarted,
    SpeechCodes,
    SpeechWord,
    SpeechWords,
)
from voxduct.models import JobKind
from voxduct.session import Engine, Session, SessionOptions, run_to_rest

SILENCE = np.zeros(16_000, np.float32)
TALK = np.concatenate([SILENCE, say("alpha", "bravo", "charlie", gap=1_600), SILENCE, say("echo", "golf"), SILENCE])
TALK = TALK[: len(TALK) - 123]  # no whole number of frames
TEXT = "Hello world. The dog! How are you, cat?"


def new_session(codec: RoughCodec | None, *, lockstep: bool = True) -> Session:
    """Hears packets of the codec, or f32le."""
    tokenizer = fake_tokenizer()
    recogniser = Recogniser(FakeWhisper(tokenizer), tokenizer, AsrOptions(coalesce=not lockstep))
    codecs = {} if codec is None else {"rough": WireCodec.of(codec, "rough", "1", DELAY)}
    options = SessionOptions(lockstep=lockstep, audio_codec=None if codec is None else "rough")
    engine = Engine(FakeVad(), recogniser, codecs=codecs)
    return Session(engine, options, AudioFormat(SAMPLE_RATE, Encoding.F32LE))


def converse(session: Session, messages: Sequence[bytes | str]) -> list[Event]:
    """Audio, and markers by name; then the end of input."""
    events: list[Event] = []
    for message in messages:
        if isinstance(message, str):
            session.receive_marker(message)
        else:
            session.receive_audio(message)
        events += run_to_rest(session)
    session.end_input()
    events += run_to_rest(session)
    assert session.done
    return events


WHOLE = converse(new_session(None), [f32(TALK)])


def test_session_of_packets_hears_what_it_would_hear_of_the_decoded_samples() -> None:
    coded = converse(new_session(RoughCodec(DELAY)), packets(TALK))
    assert coded == converse(new_session(None), [f32(once_through(TALK))])
    assert [event.text for event in coded if isinstance(event, FinalText)] == ["alpha bravo charlie", "echo golf"]
    assert coded[-1] == InputEnded(len(TALK)) == WHOLE[-1]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=20))
def test_session_of_packets_for_any_packet_sizes_says_the_same(sizes: list[int]) -> None:
    session = new_session(RoughCodec(DELAY))
    events = converse(session, packets(TALK, [*sizes, 16_000]))
    assert [event for event in events if not isinstance(event, Failed)] == WHOLE
    assert session.position == len(TALK)


def test_session_of_packets_keeps_markers_in_their_place_to_the_sample() -> None:
    cut = 16_000 + 6_400 + 777  # within the pause after the first word
    messages: list[bytes | str] = [*packets(TALK[:cut]), "here", *packets(TALK[cut:])]
    coded = converse(new_session(RoughCodec(DELAY)), messages)
    plain = converse(new_session(None), [f32(TALK[:cut]), "here", f32(TALK[cut:])])
    assert MarkerReached("here", cut) in coded
    assert coded == plain


def test_session_of_packets_decodes_in_jobs_one_at_a_time_and_counts_what_waits() -> None:
    session = new_session(RoughCodec(DELAY), lockstep=False)
    first, *rest = packets(TALK[:64_000], [32_000])
    session.receive_audio(first)
    (job,) = session.jobs()
    assert job.kind is JobKind.DECODE
    for packet in rest:
        session.receive_audio(packet)
    session.receive_marker("end")
    assert session.jobs() == [] and session.backlog == session.position == 64_000
    session.receive_result(job, job.run())
    kinds = [job.kind for job in session.jobs()]
    assert kinds == [JobKind.DECODE, JobKind.VAD]
    assert session.backlog == 64_000, "decoded is not yet judged"


def test_session_that_cannot_decode_says_so_and_keeps_the_clock() -> None:
    codec = RoughCodec(DELAY)
    session = new_session(codec)
    whole = packets(TALK)
    events = []
    for number, packet in enumerate(whole):
        codec.fail_at = 0 if number in (3, 4) else None  # within the first second, which is silent
        session.receive_audio(packet)
        events += run_to_rest(session)
    session.end_input()
    events += run_to_rest(session)
    failures = [event for event in events if isinstance(event, Failed)]
    assert [(event.code, event.utterance) for event in failures] == [("inference_failed", None)] * 2
    assert "taken for silence" in failures[0].message
    assert [event for event in events if not isinstance(event, Failed)] == WHOLE


@pytest.mark.parametrize("bad", [b"", bytes(640), b"\xc0\x01", b"\xc1\x01\x00\x00\x00\x00" + bytes(641)])
def test_session_of_packets_refuses_a_bad_one_and_goes_on_as_if_it_had_not_come(bad: bytes) -> None:
    session = new_session(RoughCodec(DELAY))
    events: list[Event] = []
    for packet in packets(TALK):
        with pytest.raises(AudioFormatError, match="this packet was dropped"):
            session.receive_audio(bad)
        session.receive_audio(packet)
        events += run_to_rest(session)
    session.end_input()
    assert events + run_to_rest(session) == WHOLE


# --- speech


def speaking(codec: WireCodec | None, lm: FakeLm | None = None) -> Session:
    tokenizer = fake_tokenizer()
    synthesiser = fake_synthesiser(lm)
    own = WireCodec.of(synthesiser.codec, "own", "1", 320)
    codecs = {"own": own} | ({} if codec is None else {"other": codec})
    engine = Engine(FakeVad(), Recogniser(FakeWhisper(tokenizer), tokenizer), synthesiser, codecs=codecs)
    return Session(engine, SessionOptions(speech_codec="own" if codec is None else "other"), AudioFormat())


def spoken(session: Session) -> list[Event]:
    session.receive_text("a", TEXT, None, seed=3)
    return run_to_rest(session)


def pcm_speech() -> list[Event]:
    synthesiser = fake_synthesiser()
    engine = Engine(FakeVad(), Recogniser(FakeWhisper(fake_tokenizer()), fake_tokenizer()), synthesiser)
    return spoken(Session(engine, SessionOptions(), AudioFormat()))


def test_speech_in_the_voices_own_codes_becomes_the_samples_of_pcm() -> None:
    pcm = pcm_speech()
    session = speaking(None)
    coded = spoken(session)
    codes = [event for event in coded if isinstance(event, SpeechCodes)]
    decoder = SpeechDecoder(WireCodec.of(fake_synthesiser().codec, "own", "1", 320))
    decoded = [decoder.decode(event.sound) for event in codes]
    samples = [event.samples for event in pcm if isinstance(event, SpeechAudio)]
    assert np.abs(np.concatenate(decoded) - np.concatenate(samples)).max() < 1e-6
    places = [(event.start, event.size) for event in pcm if isinstance(event, SpeechAudio)]
    assert [(event.start, event.size) for event in codes] == places, "the same pieces, at the same times"
    edges = (SpeechAudioStarted, SpeechAudioEnded)
    assert [one for one in coded if isinstance(one, edges)] == [one for one in pcm if isinstance(one, edges)]
    assert sum(event.sound.begins for event in codes) == 3, "one stretch for each sentence"


def test_speech_in_another_codec_is_the_samples_of_pcm_encoded() -> None:
    session = speaking(WireCodec.of(PlainCodec(100), "plain", "1", 100))
    coded = spoken(session)
    decoder = StretchDecoder(WireCodec.of(PlainCodec(100), "plain", "1", 100))
    decoded = np.concatenate([decoder.decode(event.sound) for event in coded if isinstance(event, SpeechCodes)])
    samples = np.concatenate([event.samples for event in pcm_speech() if isinstance(event, SpeechAudio)])
    assert decoded.shape == samples.shape
    assert np.abs(decoded - samples).max() < 6e-4, "a step of that codec is 1e-3"
    assert coded[-1] == pcm_speech()[-1], "samples are counted to the last"


def words_of(events: Sequence[Event]) -> list[SpeechWord]:
    return [word for event in events if isinstance(event, SpeechWords) for word in event.words]


@pytest.mark.parametrize("codec", [None, PlainCodec(100)], ids=["own", "encoded"])
def test_words_of_coded_speech_lie_where_those_of_pcm_lie_and_come_with_the_codes_of_their_ends(
    codec: PlainCodec | None,
) -> None:
    pcm = pcm_speech()
    coded = spoken(speaking(None if codec is None else WireCodec.of(codec, "plain", "1", codec.delay)))
    assert len(words_of(pcm)) == 8
    assert words_of(coded) == words_of(pcm)
    if codec is None:
        told = [[event for event in events if isinstance(event, SpeechWords)] for events in (pcm, coded)]
        assert told[0] == told[1], "in the same pieces"
    sent = 0
    for event, following in pairwise(coded):
        if isinstance(event, SpeechWords):
            assert isinstance(following, SpeechCodes) and following.start == sent
            assert all(sent < word.end <= sent + following.size for word in event.words)
        elif isinstance(event, SpeechCodes):
            sent = event.start + event.size
    assert sent >= max(word.end for word in words_of(coded))
