"""How much of a sound came back? Measures between an original and what a codec made of it, both [n] at 16 kHz.

mel distance   see `voxduct.bench.mel`; 0 is the same sound, and what is below its floor in both, silence say, equal.
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

MOST_DELAY = SAMPLE_RATE // 10
"""Samples by which a coder may lag behind, or be ahead, for `aligned` to find it."""

Measure = Callable[[Samples, Samples], float | None]
Wave = npt.NDArray[np.float64]


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
    package = _package("pesq", "PESQ", "pesq")

    def measure(original: Samples, decoded: Samples) -> float | None:
        if not (original.any() and decoded.any()):  # it would divide by the greatest sample
            return None
        try:
            return float(package.pesq(SAMPLE_RATE, original, decoded, "wb"))
        except package.PesqError:
            return None

    return measure


def _package(name: str, what: str, extra: str = "bench") -> Any:
    if importlib.util.find_spec(name) is None:
        raise ExtraError(f"{what} needs the package {name}: pip install 'voxduct[{extra}]'")
    return importlib.import_module(name)
