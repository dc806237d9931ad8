"""A language model that writes codes, as the voice of a session; models are rules, and nothing is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tests.fakes_coded import PlainCodec
from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer
from tests.prompted_tokens import ORPHEUS_SPECIALS, make_tokenizer
from voxduct.asr.live.stream import AsrOptions, Recogniser
from voxduct.audio import SAMPLE_RATE, AudioFormat, Samples
from voxduct.codec.stretches import StretchDecoder, WireCodec
from voxduct.dsp import Resampler
from voxduct.errors import InferenceError
from voxduct.events import (
    Event,
    Failed,
    InputEnded,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechAudioStarted,
    SpeechCodes,
    SpeechEnd,
)
from voxduct.models import Floats, Ints
from voxduct.server.engine_backend import EngineBackend
from voxduct.session import Engine, Session, run_to_rest
from voxduct.tts.prompted.frames import TokenSampling
from voxduct.tts.prompted.orpheus import Orpheus
from voxduct.tts.prompted.synthesiser import PromptedSynthesiser
from voxduct.tts.prompted.vocabulary import Vocabulary
from voxduct.tts.prompted.window import Windows
from voxduct.tts.stream import SpeechStream

CODES, RATE, FRAME = 64, 8000, 80
VOCABULARY = Vocabulary(make_tokenizer(ORPHEUS_SPECIALS, "<|begin_of_text|>"), "here")
END = VOCABULARY.id("<custom_token_2>")


@dataclass
class CountingLm:
    """Every token is as likely as another, and after some of them speech ends; it fails where it is told to."""

    vocabulary: int = len(VOCABULARY.names)
    context: int = 4096
    ends_after: int = 7 * 40
    fail_after: int | None = None

    def new_state(self) -> object:
        return [0]

    def position(self, state: object) -> int:
        assert isinstance(state, list)
        return int(state[0])

    def step(self, tokens: Ints, state: object) -> Floats:
        assert isinstance(state, list)
        state[0] += len(tokens)
        if self.fail_after is not None and state[0] > self.fail_after:
            raise InferenceError("model.onnx failed: it was told to")
        logits = np.zeros(self.vocabulary, np.float32)
        logits[END] = 50.0 if state[0] > self.ends_after else -50.0
        return logits


@dataclass
class ToneCodec:
    """A frame's first code is how loud it is."""

    sample_rate: int = RATE
    frame_size: int = FRAME
    num_codebooks: int = 7
    cardinality: int = CODES

    def new_encoder_state(self) -> object:
        raise AssertionError("nothing is encoded")

    def encode(self, samples: Samples, state: object) -> Ints:
        raise AssertionError("nothing is encoded")

    def new_decoder_state(self) -> object:
        return None

    def decode(self, codes: Ints, state: object) -> Samples:
        tone = np.sin(np.arange(FRAME) * 0.3, dtype=np.float32)
        loud = (codes[0] + 8).astype(np.float32) / 100
        sound: Samples = (loud[:, None] * tone).reshape(-1)
        return sound


def synthesiser(lm: CountingLm | None = None, windows: Windows | None = None) -> PromptedSynthesiser:
    family = Orpheus.of(VOCABULARY, cardinality=CODES, frame_s=FRAME / RATE)
    return PromptedSynthesiser(lm or CountingLm(), family, ToneCodec(), TokenSampling(1.0), windows)


def backend(voice: PromptedSynthesiser, codecs: Mapping[str, WireCodec] | None = None) -> EngineBackend:
    tokenizer = fake_tokenizer()
    recogniser = Recogniser(FakeWhisper(tokenizer), tokenizer, AsrOptions())
    return EngineBackend(Engine(FakeVad(), recogniser, voice, codecs=codecs or {}))


def converse(session: Session, *requests: tuple[str, str, str | None]) -> list[Event]:
    for request in requests:
        session.receive_text(*request)
    session.end_input()
    return run_to_rest(session)


def test_server_states_the_voices_and_their_rate() -> None:
    served = backend(synthesiser())
    assert served.voices[:2] == ("tara", "leah")
    assert served.voice_sample_rate == RATE
    served.warm_up()


def test_published_voice_is_given_whole_sentences() -> None:
    stream = SpeechStream(synthesiser(), "a")
    stream.feed("That is a great question, and the answer is not so simple")
    assert stream.next_job() is None
    stream.end()
    assert stream.next_job() is not None


def test_session_speaks_requests_one_after_the_other_each_with_its_voice() -> None:
    session = backend(synthesiser()).open_session(AudioFormat(), "leo")
    events = converse(session, ("a", "Hello there. And you?", None), ("b", "Fine.", "mia"))
    started = [event for event in events if isinstance(event, SpeechAudioStarted)]
    assert started == [SpeechAudioStarted("a", "leo", RATE), SpeechAudioStarted("b", "mia", RATE)]
    ended = [event for event in events if isinstance(event, SpeechAudioEnded)]
    assert [(event.id, event.reason) for event in ended] == [("a", SpeechEnd.COMPLETED), ("b", SpeechEnd.COMPLETED)]
    assert (
        sum(len(event.samples) for event in events if isinstance(event, SpeechAudio) and event.id == "a") > 40 * FRAME
    )
    assert isinstance(events[-1], InputEnded)


def test_failure_ends_one_request_and_not_the_session() -> None:
    lm = CountingLm(fail_after=100)
    session = backend(synthesiser(lm)).open_session(AudioFormat(), None)
    session.receive_text("a", "Hello there.", None)
    events = run_to_rest(session)
    assert [event for event in events if isinstance(event, Failed)] == [
        Failed("inference_failed", "model.onnx failed: it was told to", id="a")
    ]
    lm.fail_after = None
    events = converse(session, ("b", "Fine.", None))
    assert [event.reason for event in events if isinstance(event, SpeechAudioEnded)] == [SpeechEnd.COMPLETED]


def test_first_job_is_short_and_speech_goes_on_in_pieces() -> None:
    windows = Windows(before=3, steps=(1, 2, 4), after=2, fade=20)
    pieces = [
        len(event.samples)
        for event in converse(
            backend(synthesiser(windows=windows)).open_session(AudioFormat(), None), ("a", "Hello there.", None)
        )
        if isinstance(event, SpeechAudio)
    ]
    assert len(pieces) >= 2
    assert RATE // 4 <= pieces[0] < RATE // 4 + 4 * FRAME


def test_speech_of_a_model_that_never_ends_is_bounded() -> None:
    lm = CountingLm(ends_after=10**9)
    session = backend(synthesiser(lm)).open_session(AudioFormat(), None)
    made = [event for event in converse(session, ("a", "Oh.", None)) if isinstance(event, SpeechAudio)]
    seconds = sum(len(event.samples) for event in made) / RATE
    assert 2.5 < seconds <= 3.0 + 0.25 * 3


def test_session_that_wants_codes_gets_the_resampled_speech_encoded() -> None:
    wire = WireCodec.of(PlainCodec(100), "plain", "1", 100)
    served = backend(synthesiser(), {"plain": wire})
    request = ("a", "Hello there. And you?", "leo")
    coded = converse(served.open_session(AudioFormat(), None, speech_codec="plain"), request)
    pcm = converse(served.open_session(AudioFormat(), None), request)
    assert coded[0] == SpeechAudioStarted("a", "leo", SAMPLE_RATE)
    sounds = [event.sound for event in coded if isinstance(event, SpeechCodes)]
    decoder = StretchDecoder(wire)
    decoded = np.concatenate([decoder.decode(sound) for sound in sounds])
    first, second = (number for number, sound in enumerate(sounds) if sound.begins)
    cut = sum(sound.size for sound in sounds[first:second])
    samples = np.concatenate([event.samples for event in pcm if isinstance(event, SpeechAudio)])
    pause = sounds[second].pause
    assert pause == SAMPLE_RATE * 120 // 1000
    at = round(cut * RATE / SAMPLE_RATE)
    parts = [samples[:at], samples[at + RATE * 120 // 1000 :]]
    one, other = (np.concatenate([up.feed(part), up.flush()]) for part in parts for up in [Resampler(RATE)])
    expected = np.concatenate([one, np.zeros(pause, np.float32), other])
    assert decoded.shape == expected.shape and np.abs(expected).max() > 0.05
    assert np.abs(decoded - expected).max() < 6e-4, "a step of that codec is 1e-3"
    ended = [event.samples for event in coded if isinstance(event, SpeechAudioEnded)]
    assert ended == [len(decoded)]
