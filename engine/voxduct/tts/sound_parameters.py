"""Which entries of a codec's code vectors are pitch, loudness, voicing and spectrum, where these are known."""

from __future__ import annotations

from dataclasses import dataclass

from voxduct.models import Floats


@dataclass(frozen=True, slots=True)
class MelCepstra:
    """How a frame's parts say their spectrum: an orthonormal DCT-II of logarithms of power in mel bands.

    A part's first cepstrum is its entry of loudness; the others come right behind it.
    """

    count: int
    """Cepstra of a part."""
    bands: int
    """Mel bands (HTK's scale), from 0 Hz to half the sample rate."""
    floor: float
    """Power that was added to each band's before the natural logarithm was taken."""
    voicing: tuple[int, ...]
    """Entries that say how voiced a part is, of all bands."""
    unvoiced: float
    """Their value in noise."""


@dataclass(frozen=True, slots=True)
class SoundParameters:
    """As the codec's `config.json` says. A frame may have several of each, one after the other in time."""

    pitch: tuple[int, ...]
    """Entries that are pitch, on a logarithmic scale."""
    pitch_per_octave: float
    """What they grow by with an octave."""
    loudness: tuple[int, ...]
    """Entries that are loudness, as many as of pitch."""
    loudness_per_db: float
    """What they grow by with a decibel."""
    voicing: tuple[int, ...] = ()
    """Entries that are over 0 where a band is more tone than noise, as many for each pitch; empty: none are known."""
    part: int | None = None
    """Entries of one moment, where vectors are moments of equal layout one after the other and voicing is known."""
    cepstra: MelCepstra | None = None
    """The spectrum's entries, where they are known."""

    def voicing_of(self, parts: Floats) -> Floats:
        """Of moments of shape [n, part], the mean of their bands' voicing."""
        found: Floats = parts[:, [place for place in self.voicing if place < parts.shape[1]]].mean(axis=1)
        return found
