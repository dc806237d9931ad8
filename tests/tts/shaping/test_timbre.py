from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_speaking import fake_synthesiser
from tests.fakes_timbre import BRIGHT, CODES, LOUDNESS, PITCH, SAYS, portrait, sound, vectors_of
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.sampling import request_rng
from voxduct.tts.shaping.timbre import Portrait, Timbre
from voxduct.tts.shaping.timbred_codes import TimbredCodes
from voxduct.tts.sound_parameters import SoundParameters


def timbre(pitch: float = 7.0, bright: float = 10.0, hiss: float = -4.0) -> Timbre:
    """From a voice at 40 semitones without brightness to another."""
    said = sound(np.random.default_rng(0), 40.0, 0.0, 0.0)
    heard = sound(np.random.default_rng(1), 40.0 + pitch, bright, hiss)
    return Timbre.between(portrait(said), portrait(heard), SAYS)


def test_timbre_between_two_voices_makes_one_sound_like_the_other() -> None:
    said = sound(np.random.default_rng(2), 40.0, 0.0, 0.0)
    moved = np.stack([timbre().shifted(frame, SAYS) for frame in said])
    made = portrait(moved)
    assert made.pitch == pytest.approx(47.0, abs=0.3)
    assert made.voiced.mean[BRIGHT] == pytest.approx(10.0, abs=0.3)
    assert made.unvoiced is not None and made.unvoiced.mean[BRIGHT] == pytest.approx(-4.0, abs=0.3)
    assert np.allclose(moved[:, [LOUDNESS, 4 + LOUDNESS]], said[:, [LOUDNESS, 4 + LOUDNESS]])


def test_timbre_in_silence_moves_nothing_but_the_pitch() -> None:
    said = sound(np.random.default_rng(2), 40.0, 0.0, 0.0)
    silent = said[said[:, LOUDNESS] < 20]
    moved = np.stack([timbre().shifted(frame, SAYS) for frame in silent])
    others = [place for place in range(8) if place % 4 != PITCH]
    assert len(silent) and np.allclose(moved[:, others], silent[:, others])
    assert np.allclose(moved[:, PITCH] - silent[:, PITCH], timbre().shift[0, PITCH], atol=1e-4)


def test_timbre_of_a_difference_that_chance_makes_is_nearly_none() -> None:
    sure, unsure = timbre(0.0, 10.0, 0.0), timbre(0.0, 0.05, 0.0)
    assert sure.shift[0, BRIGHT] == pytest.approx(10.0, abs=0.3)
    assert abs(unsure.shift[0, BRIGHT]) < 0.05


@given(st.integers(0, 40))
def test_portrait_of_few_frames_is_none_or_has_a_pitch(count: int) -> None:
    frames = sound(np.random.default_rng(0), 40.0, 0.0, 0.0)
    codes = np.stack([np.arange(count), np.zeros(count, np.int64)])
    found = Portrait.of(codes, vectors_of(frames))
    voiced = np.count_nonzero(np.arange(2 * count) // 2 % 4 < 2)
    assert (found is None) == (voiced < 20)
    assert found is None or 38 < found.pitch < 42


def test_portrait_where_nobody_knows_what_is_voiced_is_none() -> None:
    frames = sound(np.random.default_rng(0), 40.0, 0.0, 0.0)
    codes = np.zeros((2, CODES), np.int64)
    melodic = SoundParameters((PITCH, 4 + PITCH), 12.0, (LOUDNESS, 4 + LOUDNESS), 1.0)
    assert Portrait.of(codes, CodeVectors(np.stack([frames, frames]), melodic)) is None
    assert Portrait.of(codes, CodeVectors(np.stack([frames, frames]))) is None


class Drawn:
    """Codes one after the other; the first step completes no frame."""

    steps = 0

    def step(self, window: object, age: int, end: int | None) -> float:
        self.steps += 1
        return float(age)

    def frame(self) -> np.ndarray | None:
        return None if self.steps < 2 else np.array([self.steps, 0])


def test_timbred_codes_are_those_nearest_to_the_shifted_vectors() -> None:
    said = sound(np.random.default_rng(0), 40.0, 0.0, 0.0)
    vectors = vectors_of(said)
    codes = TimbredCodes(Drawn(), timbre(), vectors)
    frames = []
    for step in range(1, 20):
        assert codes.step(np.zeros(4, np.int64), step, None) == step
        assert codes.steps == step
        frames.append(codes.frame())
    assert frames[0] is None
    for number, frame in enumerate(frames[1:], start=2):
        wanted = timbre().shifted(vectors.vector(np.array([number, 0])), SAYS)
        nearest = np.square(said - wanted).sum(axis=1).argmin()
        assert frame is not None and frame[0] == nearest


def test_synthesiser_codes_of_a_text_are_the_same_each_time() -> None:
    synthesiser = fake_synthesiser()
    primed = synthesiser.primed("ada")
    drawn = [list(synthesiser.codes("hello world", primed, request_rng(0, 0))) for _ in range(2)]
    assert len(drawn[0]) > 5 and np.array_equal(drawn[0], drawn[1])
