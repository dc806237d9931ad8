"""Measures of what came back, on signals of which the answer is known."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest

from voxduct.bench.fidelity import Measure, aligned, delay, pesq_measure, shifted, stoi_measure
from voxduct.bench.mel import FLOOR, log_mel, mel_distance
from voxduct.errors import ExtraError

RATE = 16_000


def speech_like(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """Harmonics that come and go four times a second, over faint noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * number * time) / number for number in range(1, 20))
    noise = np.random.default_rng(seed).normal(0, 1, time.size)
    return np.asarray(0.08 * voice * (1.1 + np.sin(2 * np.pi * 4 * time)) + 0.002 * noise, np.float32)


def noisy(samples: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(7).normal(0, level, samples.size)
    return np.asarray(samples + noise, np.float32)


def measure_of(make: Callable[[], Measure], package: str) -> Measure:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return make()


def test_mel_distance_of_a_sound_to_itself_is_zero() -> None:
    assert mel_distance(speech_like(), speech_like()) == 0.0


def test_mel_distance_of_half_as_loud_a_sound_is_the_logarithm_of_its_energy() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, RATE).astype(np.float32)  # nowhere near the floor
    assert mel_distance(noise, np.asarray(noise / 2, np.float32)) == pytest.approx(np.log(4), abs=1e-3)


def test_mel_distance_grows_with_noise() -> None:
    sound = speech_like()
    distances = [mel_distance(sound, noisy(sound, level)) for level in (0.001, 0.01, 0.1)]
    assert distances == sorted(distances) and distances[0] > 0


def test_mel_distance_of_less_than_a_window_is_with_silence_behind() -> None:
    short = np.full(200, 0.1, np.float32)
    assert mel_distance(short, short) == 0.0
    assert mel_distance(short, np.zeros(399, np.float32)) > 0


def test_log_mel_of_silence_is_the_floor() -> None:
    found = log_mel(np.zeros(RATE, np.float32))
    assert found.shape == (98, 80) and np.all(found == np.log(FLOOR))


@pytest.mark.parametrize("lag", [-300, -1, 0, 1, 104, 1600])
def test_delay_of_a_shifted_sound_is_the_shift(lag: int) -> None:
    sound = speech_like()
    assert delay(sound, noisy(shifted(sound, -lag), 0.01)) == lag


@pytest.mark.parametrize("lag", [-200, 0, 312])
def test_aligned_takes_the_shift_away_and_keeps_the_length(lag: int) -> None:
    sound = speech_like()
    found = aligned(sound, shifted(sound, -lag))
    inside = slice(400, -400)
    assert len(found) == len(sound) and np.array_equal(found[inside], sound[inside])


def test_stoi_of_a_sound_to_itself_is_one_and_noise_lowers_it() -> None:
    measure, sound = measure_of(stoi_measure, "pystoi"), speech_like()
    assert measure(sound, sound) == pytest.approx(1.0, abs=1e-6)
    little, much = (measure(sound, noisy(sound, level)) for level in (0.05, 0.5))
    assert little is not None and much is not None and 1.0 > little > much


def test_stoi_of_too_little_sound_is_unknown() -> None:
    measure = measure_of(stoi_measure, "pystoi")
    assert measure(speech_like(0.1), speech_like(0.1)) is None


def test_pesq_of_a_sound_to_itself_is_the_greatest_and_noise_lowers_it() -> None:
    measure, sound = measure_of(pesq_measure, "pesq"), speech_like()
    assert measure(sound, sound) == pytest.approx(4.64, abs=0.01)
    little, much = (measure(sound, noisy(sound, level)) for level in (0.01, 0.2))
    assert little is not None and much is not None and 4.64 > little > much


def test_pesq_of_silence_is_unknown() -> None:
    silence = np.zeros(RATE, np.float32)
    assert measure_of(pesq_measure, "pesq")(silence, silence) is None


@pytest.mark.parametrize(
    ("make", "package", "extra"), [(stoi_measure, "pystoi", "bench"), (pesq_measure, "pesq", "pesq")]
)
def test_measure_without_its_package_raises_extra_error_naming_it(
    make: Callable[[], Measure], package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExtraError, match=rf"{package}.*voxduct\[{extra}\]"):
        make()
