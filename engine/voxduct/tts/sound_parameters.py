"""Which entries of a codec's code vectors are pitch, loudness and voicing, where they are parameters of sound."""

from __future__ import annotations

from dataclasses import dataclass

from voxduct.models import Floats


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

    def voicing_of(self, parts: Floats) -> Floats:
        """Of moments of shape [n, part], the mean of their bands' voicing."""
        found: Floats = parts[:, [place for place in self.voicing if place < parts.shape[1]]].mean(axis=1)
        return found
