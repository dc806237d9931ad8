"""Word times over a whole session: in order, off silence, and after an hour where they were in the first minute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_hearing import FakeVad, FakeWhisper, _State, fake_tokenizer, say
from voxduct.asr.gate import GateOptions
from voxduct.asr.live.stream import AsrOptions, Recogniser
from voxduct.audio import AudioFormat, Encoding, float_to_pcm16
from voxduct.events import CommittedText, Event, Word
from voxduct.models import Floats
from voxduct.session import Engine, Session, SessionOptions, run_to_rest
from voxduct.silence import Silences
from voxduct.vad import VadOptions, VadStage

SECOND = 16_000
MINUTE = 60 * SECOND  # a multiple of the VAD's 512 samples, so that every minute can be cut alike
FIRST_WORD = 5 * SECOND


class Absent(FakeWhisper):
    """Hears the words of `FakeWhisper` but looks anywhere; only a gate that does not ask about that believes them."""

    def __init__(self, seed: int) -> None:
        super().__init__(fake_tokenizer())
        self._random = np.random.default_rng(seed)

    def _decode_row(self, tokens: Sequence[int], state: _State) -> tuple[Floats, Floats]:
        logits, attention = super()._decode_row(tokens, state)
        return logits, self._random.random(attention.shape).astype(np.float32)


def session(model: FakeWhisper, rate: int = SECOND, *, lockstep: bool = False) -> Session:
    gate = GateOptions(max_silent_attention=1.0)
    recogniser = Recogniser(model, fake_tokenizer(), AsrOptions(coalesce=not lockstep), gate=gate)
    audio_format = AudioFormat(rate, Encoding.S16LE)
    return Session(Engine(FakeVad(), recogniser), SessionOptions(lockstep=lockstep), audio_format)


def hear(hearing: Session, samples: Floats, chunk: int) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(samples), chunk):
        hearing.receive_audio(float_to_pcm16(samples[start : start + chunk]).tobytes())
        events += run_to_rest(hearing)
    return events


def words_of(events: Sequence[Event]) -> list[Word]:
    return [word for event in events if isinstance(event, CommittedText) for word in event.words]


def silences_of(samples: Floats) -> Silences:
    stage = VadStage(FakeVad(), VadOptions())
    stage.feed(samples)
    while (job := stage.next_job()) is not None:
        stage.receive(job.run())
    return stage.silences.between(0, len(samples))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_word_times_after_an_hour_are_those_of_the_first_minute(rate: int) -> None:
    minute = np.zeros(MINUTE, np.float32)
    speech = say("alpha", "bravo", "delta", gap=1_600)
    minute[FIRST_WORD : FIRST_WORD + speech.size] = speech
    played = minute if rate == SECOND else soxr.resample(minute, SECOND, rate)
    hearing = session(FakeWhisper(fake_tokenizer()), rate)
    words = words_of([event for _ in range(60) for event in hear(hearing, played, 4 * rate)])
    hearing.end_input()
    words += words_of(run_to_rest(hearing))
    assert [word.text for word in words] == ["alpha", "bravo", "delta"] * 60
    places = np.array([(word.start, word.end) for word in words]).reshape(60, 3, 2)
    drift = places - places[0] - MINUTE * np.arange(60)[:, None, None]
    assert np.all(drift == 0)
    true = FIRST_WORD + np.arange(3) * (speech.size // 3)
    assert np.abs(places[0, :, 0] - true).max() <= 512 + 320  # a frame of the VAD, one of the encoder


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    gaps=st.lists(st.tuples(st.integers(0, 4_000), st.integers(2_000, 14_000)), min_size=1, max_size=3),
    lockstep=st.booleans(),
)
def test_word_times_of_any_session_are_in_order_and_start_and_end_off_silence(
    seed: int, gaps: list[tuple[int, int]], lockstep: bool
) -> None:
    pieces = [np.zeros(SECOND, np.float32)]
    for gap, pause in gaps:
        pieces += [say("alpha", "bravo", "charlie", gap=gap), np.zeros(pause, np.float32)]
    samples = np.concatenate([*pieces, np.zeros(SECOND, np.float32)])
    hearing = session(Absent(seed), lockstep=lockstep)
    events = hear(hearing, samples, 4_000)
    hearing.end_input()
    words = words_of([*events, *run_to_rest(hearing)])
    assert len(words) >= len(gaps)
    assert all(word.start < word.end <= samples.size for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
    silences = silences_of(samples)
    assert not [word for word in words if any(start <= word.start < end for start, end in silences)]
    assert not [word for word in words if any(start < word.end <= end for start, end in silences)]
