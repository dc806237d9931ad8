"""How high a voice speaks, 100 times a second: normalised autocorrelation, and the likeliest path through its peaks.

After Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound" (1993): the autocorrelation of a window is divided by that of the window function, each peak in the range of
voices is a candidate, and so is having no voice; a Viterbi search weighs strengths against octave jumps and changes of
voicing. The costs are the ones that Praat has by default.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.dsp import Doubles

HOP = SAMPLE_RATE // 100
LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
WINDOW = round(3 * SAMPLE_RATE / LOWEST_HZ)  # three periods of the lowest voice
FFT = 2048
CANDIDATES = 5  # peaks of a window that are looked at
VOICING = 0.45  # strength from which a window is rather voiced
SILENCE = 0.03  # of the clip's peak: quieter windows are rather unvoiced
OCTAVE_COST = 0.01  # per octave below the highest pitch, so that of equal peaks the shortest period wins
JUMP_COST = 0.35  # per octave from window to window
CHANGE_COST = 0.14  # of beginning and of ending to be voiced

Indices = npt.NDArray[np.intp]


def track(samples: Samples) -> Doubles:
    """Pitch in hertz, shape [windows]; NaN where nothing is voiced.

    Window w has its middle at sample `w * HOP`, so there are `len(samples) // HOP + 1` of them.
    """
    windows = _windows(np.asarray(samples, np.float64))
    strengths, hertz = _candidates(_autocorrelation(windows))
    loudest = max(float(np.abs(windows).max(initial=0.0)), 1e-9)
    loudness = np.abs(windows).max(axis=1) / loudest
    unvoiced = VOICING + np.maximum(0.0, 2.0 - loudness / SILENCE * (1.0 + VOICING))
    strengths = np.concatenate([unvoiced[:, None], strengths], axis=1)
    hertz = np.concatenate([np.full((len(hertz), 1), np.nan), hertz], axis=1)
    path = _best_path(strengths, hertz)
    found: Doubles = hertz[np.arange(len(path)), path]
    return found


def _windows(samples: Doubles) -> Doubles:
    """Shape [windows, WINDOW], each without its mean; silence before and after."""
    padded = np.pad(samples, WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    centred: Doubles = windows - windows.mean(axis=1, keepdims=True)
    return centred


def _autocorrelation(windows: Doubles) -> Doubles:
    """Shape [windows, lags]: 1 where a window repeats itself exactly; 0 of silence."""
    shape = np.hanning(WINDOW)
    lags = int(SAMPLE_RATE / LOWEST_HZ) + 2
    found = np.fft.irfft(np.abs(np.fft.rfft(windows * shape, FFT)) ** 2)[:, :lags]
    of_shape = np.fft.irfft(np.abs(np.fft.rfft(shape, FFT)) ** 2)[:lags]
    normal: Doubles = found / np.maximum(found[:, :1], 1e-12) / (of_shape / of_shape[0])
    return normal


def _candidates(correlation: Doubles) -> tuple[Doubles, Doubles]:
    """The strongest peaks of each window: (strength, hertz), both [windows, CANDIDATES]; strength -inf where none."""
    lags = np.arange(int(SAMPLE_RATE / HIGHEST_HZ), correlation.shape[1] - 1)
    left, middle, right = (correlation[:, lags + shift] for shift in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    peak = (middle >= left) & (middle > right) & (middle > 0.0)
    shift = np.where(peak, 0.5 * (left - right) / np.where(peak, bend, 1.0), 0.0)  # of a parabola's top
    hertz = SAMPLE_RATE / (lags + shift)
    height = middle - 0.25 * (left - right) * shift
    strength = np.where(peak, np.minimum(height, 1.0) - OCTAVE_COST * np.log2(HIGHEST_HZ / hertz), -np.inf)
    best = np.argsort(-strength, axis=1, kind="stable")[:, :CANDIDATES]
    return np.take_along_axis(strength, best, axis=1), np.take_along_axis(hertz, best, axis=1)


def _best_path(strengths: Doubles, hertz: Doubles) -> Indices:
    """Which candidate each window has, shape [windows]; candidate 0 is unvoiced and has no hertz."""
    total = strengths[0]
    back: list[Indices] = []
    for row in range(1, len(strengths)):
        reached = total[:, None] - _change_costs(hertz[row - 1], hertz[row])
        back.append(reached.argmax(axis=0))
        total = reached.max(axis=0) + strengths[row]
    path = [int(total.argmax())]
    for sources in reversed(back):
        path.append(int(sources[path[-1]]))
    return np.array(path[::-1], np.intp)


def _change_costs(before: Doubles, after: Doubles) -> Doubles:
    """Of going from each candidate of a window to each of the next, shape [before, after]."""
    from_voice, to_voice = ~np.isnan(before)[:, None], ~np.isnan(after)[None]
    with np.errstate(invalid="ignore"):
        jump = JUMP_COST * np.abs(np.log2(after[None] / before[:, None]))
    costs: Doubles = np.where(from_voice & to_voice, jump, np.where(from_voice == to_voice, 0.0, CHANGE_COST))
    return costs
