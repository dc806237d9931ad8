"""How much of a sound came back? Measures between an original and what a codec made of it, both [n] at 16 kHz.

mel distance   mean absolute difference of natural-log mel energies: 80 triangles from 0 to 8 kHz on the HTK scale,
               Hann windows of 25 ms every 10 ms, transforms of 512, energies below 1e-5 taken as 1e-5. 0 is the same
               sound; what is below the floor in both, silence say, counts as equal.
STOI           short-time objective intelligibility (Taal et al. 2011), by the package pystoi; 1 is the same sound.
PESQ           wideband (ITU-T P.862.2), by the package pesq; from about 1 to 4.64, which is the same sound. It was made
               for coders that keep the waveform, and says less about those that make a new one.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import ExtraError

WINDOW, HOP, BANDS, FLOOR, TRANSFORM = SAMPLE_RATE * 25 // 1000, SAMPLE_RATE // 100, 80, 1e-5, 512
MOST_DELAY = SAMPLE_RATE // 10
"""Samples by which a coder may lag behind, or be ahead, for `aligned` to find it."""

Measure = Callable[[Samples, Samples], float | None]
Wave = npt.NDArray[np.float64]


def mel_distance(original: Samples, decoded: Samples) -> float:
    """Over what both have; of less than one window, NaN."""
    length = min(len(original), len(decoded))
    if length < WINDOW:
        return float("nan")
    return float(np.abs(log_mel(original[:length]) - log_mel(decoded[:length])).mean())


def log_mel(samples: Samples) -> Wave:
    """Shape [windows, bands]."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    energies = np.abs(np.fft.rfft(windows, TRANSFORM)) ** 2 @ _mel_bands()
    return np.asarray(np.log(np.maximum(energies, FLOOR)), np.float64)


def _mel_bands() -> Wave:
    """Triangles, shape [bins, bands]."""
    top = SAMPLE_RATE / 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + top / 700), BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, top, TRANSFORM // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), np.float64)


def delay(original: Samples, decoded: Samples, most: int = MOST_DELAY) -> int:
    """By how many samples `decoded` lags behind (negative: is ahead), where they correlate most; up to `most`."""
    size = 1 << (len(original) + len(decoded)).bit_length()
    spectrum = np.fft.rfft(decoded, size) * np.fft.rfft(original, size).conj()
    correlation = np.fft.irfft(spectrum, size)
    lags = np.arange(-most, most + 1)
    return int(lags[int(correlation[lags % size].argmax())])


def aligned(original: Samples, decoded: Samples) -> Samples:
    """`decoded` without its delay, cut or filled with silence to the original's length."""
    return fitted(shifted(decoded, delay(original, decoded)), len(original))


def shifted(samples: Samples, lag: int) -> Samples:
    """Earlier by `lag` samples; later, behind silence, where that is negative."""
    return samples[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, samples.dtype), samples])


def fitted(samples: Samples, length: int) -> Samples:
    """Cut, or filled with silence, to so many samples."""
    return np.concatenate([samples[:length], np.zeros(max(0, length - len(samples)), samples.dtype)])


def stoi_measure() -> Measure:
    """Raises ExtraError where pystoi is not installed. Of clips with too little sound, None."""
    stoi = _package("pystoi", "STOI").stoi

    def measure(original: Samples, decoded: Samples) -> float | None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # how it says that there is too little sound
            try:
                return float(stoi(original, decoded, SAMPLE_RATE))
            except RuntimeWarning:
                return None

    return measure


def pesq_measure() -> Measure:
    """Raises ExtraError where pesq is not installed. Of clips in which it hears no speech, None."""
    package = _package("pesq", "PESQ")

    def measure(original: Samples, decoded: Samples) -> float | None:
        if not (original.any() and decoded.any()):  # it would divide by the greatest sample
            return None
        try:
            return float(package.pesq(SAMPLE_RATE, original, decoded, "wb"))
        except package.PesqError:
            return None

    return measure


def _package(name: str, what: str) -> Any:
    if importlib.util.find_spec(name) is None:
        raise ExtraError(f"{what} needs the package {name}: pip install 'voxduct[bench]'")
    return importlib.import_module(name)
