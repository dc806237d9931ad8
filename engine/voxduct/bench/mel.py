"""How far two sounds are apart where an ear looks: in the logarithm of mel energies.

The mean absolute difference of natural-log mel energies: 80 bands from 0 to 8 kHz on the HTK scale, 25-ms windows
every 10 ms, floor 1e-5.
"""

from __future__ import annotations

import numpy as np

from voxduct.audio import Samples
from voxduct.dsp import Doubles

WINDOW, HOP, FFT = 400, 160, 512  # samples at 16 kHz
BANDS, TOP_HZ, FLOOR = 80, 8000, 1e-5


def mel_distance(clip: Samples, back: Samples) -> float:
    """Of two sounds at 16 kHz that begin together; as far as both go."""
    length = max(WINDOW, min(len(clip), len(back)))  # shorter ones get silence
    before, after = (np.pad(one[:length], (0, max(0, length - len(one)))) for one in (clip, back))
    return float(np.abs(log_mel(before) - log_mel(after)).mean())


def log_mel(samples: Samples) -> Doubles:
    """Shape [frames, bands]."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    energies: Doubles = np.log(np.maximum(np.abs(np.fft.rfft(windows, FFT)) ** 2 @ mel_bands(), FLOOR))
    return energies


def mel_bands() -> Doubles:
    """Triangles, shape [257, bands]."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + TOP_HZ / 700), BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, TOP_HZ, FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands: Doubles = np.maximum(0, np.minimum(rising, falling))
    return bands
