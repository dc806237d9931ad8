from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank

from tests.fakes_hearing import split
from voxduct.dsp import HOP, LogMel, Resampler, hertz_to_mel, mel_filters, mel_to_hertz

NOISE = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.1
CUTS = st.lists(st.integers(0, 1 << 20), max_size=20)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
@settings(max_examples=10, deadline=None)
@given(cuts=CUTS)
def test_resampler_any_chunking_equals_offline(rate: int, cuts: list[int]) -> None:
    audio = NOISE[:rate]
    resampler = Resampler(rate)
    streamed = [resampler.feed(chunk) for chunk in split(audio, cuts)]
    whole = soxr.resample(audio, rate, 16_000)
    np.testing.assert_allclose(np.concatenate([*streamed, resampler.flush()]), whole, atol=1e-6)


@pytest.mark.parametrize("rate", [24_000, 44_100])
@settings(max_examples=10, deadline=None)
@given(cuts=CUTS)
def test_resampler_to_another_rate_any_chunking_equals_offline(rate: int, cuts: list[int]) -> None:
    audio = NOISE[:16_000]
    resampler = Resampler(16_000, rate)
    streamed = [resampler.feed(chunk) for chunk in split(audio, cuts)]
    whole = soxr.resample(audio, 16_000, rate)
    np.testing.assert_allclose(np.concatenate([*streamed, resampler.flush()]), whole, atol=1e-6)


def test_resampler_at_engine_rate_is_identity() -> None:
    resampler = Resampler(16_000)
    assert resampler.feed(NOISE) is NOISE
    assert resampler.flush().size == 0


def test_resampler_after_flush_starts_anew() -> None:
    resampler = Resampler(8_000)
    first = np.concatenate([resampler.feed(NOISE[:8_000]), resampler.flush()])
    second = np.concatenate([resampler.feed(NOISE[:8_000]), resampler.flush()])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("num_mels", [80, 128])
def test_mel_filters_equal_those_of_transformers(num_mels: int) -> None:
    theirs = mel_filter_bank(201, num_mels, 0.0, 8_000.0, 16_000, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(mel_filters(num_mels), theirs, atol=1e-9)


def test_mel_scale_inverts() -> None:
    hertz = np.array([0.0, 40.0, 999.0, 1_000.0, 1_001.0, 8_000.0])
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(hertz)), hertz, rtol=1e-12)


@pytest.mark.parametrize("num_mels", [80, 128])
@pytest.mark.parametrize("size", [401, 16_000, 16_077, 40_000])
def test_log_mel_unpadded_equals_whisper_feature_extractor(num_mels: int, size: int) -> None:
    audio = NOISE[:size].copy()
    audio[size // 3 : size // 2] *= 1e-4
    extractor = WhisperFeatureExtractor(feature_size=num_mels)
    theirs = extractor(audio, sampling_rate=16_000, padding="do_not_pad", return_tensors="np").input_features[0]
    ours = LogMel(num_mels).compute(audio)
    assert ours.shape == (num_mels, size // HOP)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_log_mel_of_digital_silence_is_the_floor() -> None:
    np.testing.assert_allclose(LogMel(80).compute(np.zeros(1_600, np.float32)), -1.5)


def test_log_mel_of_less_than_a_hop_is_empty() -> None:
    assert LogMel(80).compute(NOISE[:159]).shape == (80, 0)
