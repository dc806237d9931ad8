"""What pitch and loudness do in the course of an utterance, and where its pauses and syllables are.

Syllables are found as de Jong and Wempe do, "Praat script to detect syllable nuclei and measure speech rate
automatically" (2009): voiced peaks of loudness with a dip between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench import pitch
from voxduct.dsp import Doubles

HOP_S = pitch.HOP / SAMPLE_RATE
QUIET_DB = 30.0  # below the loud moments of an utterance there is silence
PAUSE_S = 0.15  # shorter silences belong to consonants
END_S, END_LEAST_S = 0.3, 0.1  # of voiced sound at the end, and what a line needs of it
SMOOTHING_S = 0.05  # of loudness, for peaks
DIP_DB = 2.0  # between two syllables

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """What an utterance does every 10 ms; both of shape [windows]."""

    pitch_hz: Doubles
    """NaN where nothing is voiced."""
    level_db: Doubles
    """Of full scale."""

    @classmethod
    def of(cls, samples: Samples) -> Contour:
        """Of sound at 16 kHz."""
        hertz = pitch.track(samples)
        return cls(hertz, _level_db(samples, len(hertz)))

    @property
    def semitones(self) -> Doubles:
        """From the utterance's own median; NaN where nothing is voiced."""
        found = np.full(len(self.pitch_hz), np.nan)
        voiced = ~np.isnan(self.pitch_hz)
        if voiced.any():
            found[voiced] = 12.0 * np.log2(self.pitch_hz[voiced] / np.median(self.pitch_hz[voiced]))
        return found

    @property
    def sounding(self) -> Booleans:
        """Where there is sound."""
        loud: Booleans = self.level_db > np.percentile(self.level_db, 95) - QUIET_DB
        return loud

    @property
    def seconds(self) -> float:
        """From the first sound to the last."""
        return float(np.ptp(np.flatnonzero(self.sounding))) * HOP_S if self.sounding.any() else 0.0

    @property
    def pauses(self) -> list[tuple[int, int]]:
        """Windows [start, end) of the silences between sounds that are long enough to be pauses."""
        found = np.flatnonzero(self.sounding).tolist()
        return [(a + 1, b) for a, b in pairwise(found) if (b - a - 1) * HOP_S >= PAUSE_S]

    @property
    def end_slope(self) -> float | None:
        """Semitones a second in the last END_S that are voiced; None where too little is.

        The median slope between any two moments (Theil and Sen), which a few moments in the wrong octave do not move.
        """
        voiced = np.flatnonzero(~np.isnan(self.pitch_hz))
        last = voiced[voiced > voiced[-1] - END_S / HOP_S] if len(voiced) else voiced
        if len(last) * HOP_S < END_LEAST_S:
            return None
        before, after = np.triu_indices(len(last), 1)
        rise = self.semitones[last][after] - self.semitones[last][before]
        return float(np.median(rise / ((last[after] - last[before]) * HOP_S)))

    @property
    def syllables(self) -> list[int]:
        """Windows of the voiced peaks of loudness between which it dips by DIP_DB or more."""
        width = round(SMOOTHING_S / HOP_S)
        level = np.convolve(np.pad(self.level_db, width // 2, "edge"), np.ones(width) / width, "valid")
        peaks = 1 + np.flatnonzero((level[1:-1] >= level[:-2]) & (level[1:-1] > level[2:]))
        found: list[int] = []
        for peak in peaks[self.sounding[peaks] & ~np.isnan(self.pitch_hz[peaks])].tolist():
            if not found or level[found[-1] : peak].min() <= min(level[found[-1]], level[peak]) - DIP_DB:
                found.append(peak)
            elif level[peak] > level[found[-1]]:
                found[-1] = peak
        return found

    @property
    def steps(self) -> list[float]:
        """Seconds from each syllable to the next without a pause in between."""
        pauses = self.pauses
        return [
            (b - a) * HOP_S
            for a, b in pairwise(self.syllables)
            if not any(a < start and end <= b for start, end in pauses)
        ]


def _level_db(samples: Samples, windows: int) -> Doubles:
    """Of 25 ms around the middle of each window."""
    half = round(0.0125 * SAMPLE_RATE)
    power = np.pad(np.asarray(samples, np.float64) ** 2, half)
    means = np.lib.stride_tricks.sliding_window_view(power, 2 * half)[:: pitch.HOP].mean(axis=1)
    level: Doubles = 10.0 * np.log10(means[:windows] + 1e-10)
    return level


def seconds_of(windows: Iterable[tuple[int, int]]) -> float:
    """Of spans of windows together."""
    return sum(end - start for start, end in windows) * HOP_S
