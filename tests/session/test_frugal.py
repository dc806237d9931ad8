"""A session that is told that time is short lets updates cost little, and finals what they need."""

from __future__ import annotations

import numpy as np

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say
from voxduct.asr.live.stream import Recogniser
from voxduct.asr.recogniser import Heard, Window
from voxduct.audio import AudioFormat, Encoding, float_to_pcm16
from voxduct.session import Engine, Session, SessionOptions, run_to_rest

SPEECH = np.concatenate([say("alpha", "bravo", "charlie"), np.zeros(16_000, np.float32)])


class Watched(Recogniser):
    """Keeps what each window was to cost."""

    frugal: list[bool]

    def recognise(self, window: Window) -> Heard:
        self.frugal.append(window.frugal)
        return super().recognise(window)


def heard_frugally(*, short: bool) -> list[bool]:
    recogniser = Watched(FakeWhisper(fake_tokenizer()), fake_tokenizer())
    recogniser.frugal = []
    session = Session(Engine(FakeVad(), recogniser), SessionOptions(), AudioFormat(16_000, Encoding.S16LE))
    session.hold(updates=False, speculations=short)
    for start in range(0, SPEECH.size, 1_600):
        session.receive_audio(float_to_pcm16(SPEECH[start : start + 1_600]).tobytes())
        run_to_rest(session)
    session.end_input()
    run_to_rest(session)
    return recogniser.frugal


def test_session_short_of_time_has_frugal_updates_and_a_full_final() -> None:
    *updates, final = heard_frugally(short=True)
    assert updates
    assert all(updates)
    assert not final


def test_session_with_time_to_spare_is_frugal_with_nothing() -> None:
    assert not any(heard_frugally(short=False))
