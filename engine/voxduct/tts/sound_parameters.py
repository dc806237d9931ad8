"""Which entries of a codec's code vectors are pitch and loudness, where they are parameters of sound."""

from __future__ import annotations

from dataclasses import dataclass


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
