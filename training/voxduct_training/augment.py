"""Rooms, noise, microphones and telephone lines, drawn afresh each time an utterance is read.

`strength` from 0 to 1 grows over the training: learning to listen comes before learning to listen in noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

Samples = NDArray[np.float32]
RATE = 16_000


def coloured_noise(count: int, colour: float, rng: np.random.Generator) -> Samples:
    """Unit-power noise whose power falls as frequency ** -colour (0 white, 1 pink, 2 brown)."""
    size = 1 << max(count - 1, 1).bit_length()
    spectrum = np.fft.rfft(rng.standard_normal(size).astype(np.float32))
    spectrum *= np.maximum(np.arange(len(spectrum)), 8) ** (-colour / 2)
    noise = np.fft.irfft(spectrum, size)[:count]
    return (noise / (noise.std() + 1e-9)).astype(np.float32)


def background(count: int, rng: np.random.Generator) -> Samples:
    """Unit-power background: steady noise, sometimes swelling, sometimes with hum."""
    noise = coloured_noise(count, float(rng.choice([0.0, 1.0, 1.0, 1.5, 2.0])), rng)
    if rng.random() < 0.3:
        points = rng.uniform(0.3, 1.0, 2 + count // 8000)
        noise *= np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(points)), points).astype(np.float32)
    if rng.random() < 0.15:
        time = np.arange(count, dtype=np.float32) / RATE
        noise += np.sin(2 * np.pi * float(rng.choice([50, 60, 100, 120])) * time)
    return noise / (noise.std() + 1e-9)


def with_noise(speech: Samples, decibels: float, rng: np.random.Generator) -> Samples:
    """Speech with background at the given signal-to-noise ratio over the speech's own level."""
    level = np.sqrt(np.mean(speech[np.abs(speech) > 1e-3] ** 2)) if np.any(np.abs(speech) > 1e-3) else 1e-3
    return speech + background(len(speech), rng) * np.float32(level * 10 ** (-decibels / 20))


def with_room(speech: Samples, seconds: float, direct: float, rng: np.random.Generator) -> Samples:
    """Speech in a room: exponentially decaying noise for an impulse response, `direct` times its energy straight."""
    length = int(RATE * seconds)
    tail = rng.standard_normal(length) * np.exp(-6.0 * np.arange(length) / length)
    tail[: int(0.002 * RATE)] = 0
    tail /= np.sqrt(np.sum(tail**2))
    response = np.concatenate([[np.sqrt(direct)], tail[1:]]) / np.sqrt(1 + direct)
    return fftconvolve(speech, response)[: len(speech)].astype(np.float32)


def with_tilt(speech: Samples, tilt: float) -> Samples:
    """A first-order filter: above 0 brightens, below 0 dulls."""
    return np.asarray(lfilter([1.0, -tilt], [1.0], speech), dtype=np.float32)


def with_band(speech: Samples, low: float, high: float) -> Samples:
    """A second-order band limit, as a telephone or a small microphone has."""
    return np.asarray(sosfilt(butter(2, [low, high], "bandpass", fs=RATE, output="sos"), speech), dtype=np.float32)


def with_pace(speech: Samples, pace: float) -> Samples:
    """As long as 1 / `pace` of it, in the same voice: overlapping pieces, each put where it continues the last best.

    WSOLA: Verhelst and Roelands, "An overlap-add technique based on waveform similarity" (1993).
    """
    size, hop, reach = 640, 320, 160
    count = int(len(speech) / pace) // hop
    if count < 2 or len(speech) < 4 * size:
        return speech
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    padded = np.pad(speech, (reach, 2 * size + reach))
    out, at = np.zeros((count + 1) * hop, np.float32), reach
    for piece in range(count):
        if piece:
            wished = min(int(piece * hop * pace), len(speech) - 1)
            natural = padded[at + hop : at + hop + size]
            scores = np.correlate(padded[wished : wished + size + 2 * reach : 2][: size // 2 + reach], natural[::2])
            at = wished + 2 * int(scores.argmax())
        out[piece * hop : piece * hop + size] += window * padded[at : at + size]
    return out


def mu_law(speech: Samples) -> Samples:
    """Eight-bit companding, as on a telephone line."""
    clipped = np.clip(speech, -1, 1)
    coded = np.round(np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log(256) * 127) / 127
    return (np.sign(coded) * (256 ** np.abs(coded) - 1) / 255).astype(np.float32)


def augment(speech: Samples, strength: float, rng: np.random.Generator) -> Samples:
    """One random acoustic path; at strength 0 only the level changes."""
    if rng.random() < 0.25 * strength:
        speech = with_room(speech, rng.uniform(0.08, 0.35), rng.uniform(1.0, 8.0), rng)
    if rng.random() < 0.5 * strength:
        speech = with_tilt(speech, rng.uniform(-0.5, 0.5))
    if rng.random() < 0.1 * strength:
        speech = with_band(speech, rng.uniform(60, 300), rng.uniform(3400, 7000))
    speech = speech * np.float32(rng.uniform(0.1, 0.95) / (np.abs(speech).max() + 1e-6))
    if rng.random() < 0.5 * strength:
        speech = with_noise(speech, rng.uniform(30 - 22 * strength, 35), rng)
    if rng.random() < 0.06 * strength:
        speech = mu_law(speech)
    return np.clip(speech, -1, 1)


def not_speech(count: int, rng: np.random.Generator) -> Samples:
    """Sound without words: silence, noise, tones or clicks."""
    kind = rng.integers(5)
    level = np.float32(10 ** rng.uniform(-4, -0.7))
    if kind == 0:
        return np.zeros(count, np.float32)
    if kind == 1:
        time = np.arange(count) / RATE
        tone = sum(np.sin(2 * np.pi * rng.uniform(80, 3000) * time) for _ in range(rng.integers(1, 4)))
        return (tone / 3 * level).astype(np.float32)
    if kind == 2:
        clicks = np.zeros(count, np.float32)
        clicks[rng.integers(0, count, rng.integers(1, 12))] = rng.uniform(-1, 1)
        return with_room(clicks, 0.05, 1.0, rng) * level * 5
    return background(count, rng) * level * np.float32(0.3)


def mask_features(features: NDArray[np.float32], frames: int, rng: np.random.Generator) -> None:
    """SpecAugment in place: up to two bands and two short times set to the utterance's mean."""
    mean = features.mean()
    for _ in range(2):
        width = int(rng.integers(0, 14))
        low = int(rng.integers(0, features.shape[0] - width))
        features[low : low + width] = mean
        length = int(rng.integers(0, min(20, frames // 8) + 1))
        at = int(rng.integers(0, max(1, frames - length)))
        features[:, at : at + length] = mean
