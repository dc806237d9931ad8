"""Fixed matrices of the codec: DFTs as convolution kernels, mel bands, pitch lags, minimum phase, noise.

Everything that an ordinary codec would call an FFT for is a constant matrix here, so that the exported graphs
need no operator beyond Conv, ConvTranspose and MatMul (ONNX Runtime has no streaming ISTFT).
"""

from __future__ import annotations

import numpy as np

RATE = 16000
FRAME = 320  # one code frame, 20 ms
HOP = 160  # one synthesis sub-frame, two per code frame
WINDOW = 320  # synthesis window: Hann at half overlap sums to one
FFT = 1024  # leaves 44 ms for a filter to ring out: a 50 Hz wide formant has fallen by 60 dB then
BINS = FFT // 2 + 1
PITCH_LOW, PITCH_HIGH = 55.0, 420.0


def hann(size: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def dft_kernels(window: np.ndarray, fft: int, bins: int) -> np.ndarray:
    """[2*bins, 1, len(window)]: real rows, then imaginary rows, of a windowed DFT."""
    angle = 2 * np.pi * np.outer(np.arange(bins), np.arange(len(window))) / fft
    return np.concatenate([np.cos(angle), -np.sin(angle)])[:, None, :] * window


def inverse_kernels() -> np.ndarray:
    """[2*BINS, 1, FFT]: the real inverse DFT as a transposed convolution's weight."""
    angle = 2 * np.pi * np.outer(np.arange(BINS), np.arange(FFT)) / FFT
    twice = np.full((BINS, 1), 2.0)
    twice[0] = twice[-1] = 1.0
    return (np.concatenate([twice * np.cos(angle), -twice * np.sin(angle)]) / FFT)[:, None, :]


def hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_bands(count: int, fft: int) -> np.ndarray:
    """[count, fft//2+1] triangles of unit sum, 0-8 kHz."""
    edges = mel_to_hertz(np.linspace(0, hertz_to_mel(RATE / 2), count + 2))
    hertz = np.arange(fft // 2 + 1) * RATE / fft
    up = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    bands = np.maximum(0.0, np.minimum(up, down))
    # Narrow low bands can fall between two bins: give those their nearest bin.
    for row in np.flatnonzero(bands.sum(1) < 1e-3):
        bands[row, round(edges[row + 1] * fft / RATE)] = 1.0
    return bands / bands.sum(1, keepdims=True)


def envelope_points(count: int) -> np.ndarray:
    """[count, BINS]: linear interpolation from mel-spaced points to every bin."""
    points = np.linspace(0, hertz_to_mel(RATE / 2), count)
    bins = hertz_to_mel(np.arange(BINS) * RATE / FFT)
    place = np.clip(bins / points[1], 0, count - 1.0001)
    low = place.astype(int)
    matrix = np.zeros((count, BINS))
    matrix[low, np.arange(BINS)] = 1 - (place - low)
    matrix[low + 1, np.arange(BINS)] = place - low
    return matrix


def minimum_phase() -> np.ndarray:
    """[BINS, BINS]: row vector of log magnitudes @ this = phase of the minimum-phase filter (folded cepstrum)."""
    cepstra = np.fft.irfft(np.eye(BINS), FFT)
    fold = np.zeros(FFT)
    fold[0] = fold[FFT // 2] = 1.0
    fold[1 : FFT // 2] = 2.0
    return np.fft.rfft(cepstra * fold).imag


def pitch_lags(count: int, fft: int, bins: int) -> np.ndarray:
    """[count, bins]: compressed spectrum -> autocorrelation at log-spaced lags, in which pitch is a place."""
    hertz = PITCH_LOW * (PITCH_HIGH / PITCH_LOW) ** (np.arange(count) / (count - 1))
    return np.cos(2 * np.pi * np.outer(1.0 / hertz, np.arange(bins) * RATE / fft)) / bins


def noise_frames(count: int = 128, seed: int = 5) -> np.ndarray:
    """[count, 2*BINS]: DFTs of windowed white noise; 1.28 s pass before a frame comes again."""
    rng = np.random.default_rng(seed)
    frames = np.fft.rfft(rng.standard_normal((count, WINDOW)) * hann(WINDOW), FFT)
    return np.concatenate([frames.real, frames.imag], 1)
