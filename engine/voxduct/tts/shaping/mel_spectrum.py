"""Mel-cepstra to power and back (Davis and Mermelstein, 1980)."""

from __future__ import annotations

import numpy as np

from voxduct.dsp import Doubles
from voxduct.tts.sound_parameters import MelCepstra


class MelSpectrum:
    """The mel bands of a codec whose code vectors hold cepstra; power is in the codec's own unit."""

    def __init__(self, cepstra: MelCepstra, sample_rate: int) -> None:
        """`sample_rate` in hertz."""
        self._floor = cepstra.floor
        top = 2595.0 * np.log10(1.0 + sample_rate / 2 / 700.0)
        edges = 700.0 * (10.0 ** (np.linspace(0.0, top, cepstra.bands + 2) / 2595.0) - 1.0)
        self.centres: Doubles = edges[1:-1]
        """Hertz, shape [bands]."""
        self._widths: Doubles = (edges[2:] - edges[:-2]) / sample_rate
        angle = np.pi * np.outer(np.arange(cepstra.bands) + 0.5, np.arange(cepstra.count)) / cepstra.bands
        self._cosines = np.cos(angle) * np.sqrt(2.0 / cepstra.bands)
        self._cosines[:, 0] /= np.sqrt(2.0)

    def total(self, bands: Doubles) -> Doubles:
        """Power in bands, shape [..., bands], to that of the sound, shape [...]."""
        total: Doubles = bands @ self._widths
        return total

    def bands(self, cepstra: Doubles) -> Doubles:
        """Cepstra of shape [..., count] to power in bands, shape [..., bands]."""
        power: Doubles = np.exp(cepstra @ self._cosines.T)
        return power

    def cepstra(self, bands: Doubles) -> Doubles:
        """Power in bands, shape [..., bands], to cepstra, shape [..., count], as of a sound that has this power."""
        cepstra: Doubles = np.log(bands + self._floor) @ self._cosines
        return cepstra
