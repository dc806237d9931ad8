"""The pitch of sounds that are made from one."""

from __future__ import annotations

import numpy as np
import pytest

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.pitch import HOP, track


def buzz(hertz: np.ndarray) -> Samples:
    """Eleven harmonics that follow a pitch, shape [n] in hertz."""
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    return np.asarray(0.1 * sum(np.sin(k * phase) / k for k in range(1, 12)), np.float32)


@pytest.mark.parametrize("hertz", [65.0, 100.0, 160.0, 250.0, 450.0])
def test_pitch_of_a_steady_buzz_is_its_own_not_an_octave_beside_it(hertz: float) -> None:
    found = track(buzz(np.full(SAMPLE_RATE, hertz)))
    assert len(found) == SAMPLE_RATE // HOP + 1
    assert found[3:-3] == pytest.approx(np.full(len(found) - 6, hertz), rel=0.005)


def test_pitch_of_a_glide_is_followed() -> None:
    hertz = 110.0 * 2 ** np.linspace(0, 1, SAMPLE_RATE)
    found = track(buzz(hertz))[5:-6]
    assert np.abs(12 * np.log2(found / hertz[::HOP][5:-5])).max() < 0.1


def test_pitch_with_noise_in_between_is_voiced_where_the_voice_is() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, SAMPLE_RATE).astype(np.float32)
    voice = buzz(np.full(SAMPLE_RATE, 140.0))
    voiced = ~np.isnan(track(np.concatenate([voice, noise, voice])))
    assert voiced[3:97].all() and voiced[203:297].all()
    assert not voiced[103:197].any()


@pytest.mark.parametrize("size", [0, 1, 100, SAMPLE_RATE])
def test_pitch_of_silence_of_any_length_is_none(size: int) -> None:
    found = track(np.zeros(size, np.float32))
    assert len(found) == size // HOP + 1 and np.isnan(found).all()


def test_pitch_fainter_than_the_rest_of_the_clip_is_no_voice() -> None:
    voice = buzz(np.full(SAMPLE_RATE, 140.0))
    voiced = ~np.isnan(track(np.concatenate([voice, 0.005 * voice])))
    assert voiced[3:97].all() and not voiced[105:].any()
