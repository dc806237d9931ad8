"""Whisper's log-mel spectrogram in NumPy: the same numbers as transformers' WhisperFeatureExtractor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from transformers.audio_utils import mel_filter_bank

RATE, N_FFT, HOP, MELS = 16_000, 400, 160, 80
WINDOW = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
FILTERS = mel_filter_bank(
    num_frequency_bins=N_FFT // 2 + 1,
    num_mel_filters=MELS,
    min_frequency=0.0,
    max_frequency=8000.0,
    sampling_rate=RATE,
    norm="slaney",
    mel_scale="slaney",
).astype(np.float32)


def log_mel(samples: NDArray[np.float32], *, causal: bool = False) -> NDArray[np.float32]:
    """[MELS, len(samples) // HOP] features of one utterance; `causal`: the floor follows the loudest sound so far."""
    padded = np.pad(samples, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][: len(samples) // HOP]
    spectrum = np.asarray(rfft(frames * WINDOW))
    power = spectrum.real**2 + spectrum.imag**2
    logs = np.log10(np.maximum(power @ FILTERS, 1e-10)).T
    loudest = np.maximum.accumulate(logs.max(axis=0)) if causal else logs.max()
    floored = np.maximum(logs, loudest - 8.0)
    return ((floored + 4.0) / 4.0).astype(np.float32)
