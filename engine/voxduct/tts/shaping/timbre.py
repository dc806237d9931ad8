"""How a voice sounds on average, and what its speech has to be shifted by to sound so.

A codec language model that has learnt few voices speaks for a new one as the nearest that it knows. Where code vectors
are parameters of sound, the difference between two voices' means over the same kind of frames is most of what tells
them apart (cepstral mean normalisation, Atal, 1974, the other way round; in voice conversion the simplest mapping), and
moving every frame by it makes one voice sound like the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.models import Floats, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.sound_parameters import SoundParameters

ACTIVE_DB = 25.0  # below the loudest tenth: speech, and no pause
FAINT_DB, FULL_DB = 40.0, 25.0  # below it: moved not at all, and as much as speech
LEAST_PARTS = 20  # of one kind; fewer say nothing about it
SAME_SOUND = 8.0  # parts in a row that are much the same sound: fewer observations than there are parts
SURE = 2.0  # how steeply a part counts as voiced


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """Parts of one kind: voiced or not."""

    mean: Floats
    error: Floats
    """Squared error of the mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """What the parts of a voice's code vectors are like."""

    voiced: _Kind
    unvoiced: _Kind | None
    """None where there are hardly any."""
    pitch: float
    """The median."""
    loud: float
    """Loudness of the loudest tenth begins here."""

    @classmethod
    def of(cls, codes: Ints, vectors: CodeVectors) -> Portrait | None:
        """Of codes of shape [books, frames]; None where the codec does not say what its parameters are, or too few."""
        says = vectors.parameters
        if says is None or says.part is None or not codes.shape[1]:
            return None
        parts = vectors.vectors(codes).reshape(-1, says.part)
        loudness, voicing = parts[:, says.loudness[0]], says.voicing_of(parts)
        loud = float(np.percentile(loudness, 90))
        active = loudness > loud - ACTIVE_DB * says.loudness_per_db
        voiced = _kind(parts[active & (voicing > 0.0)])
        if voiced is None:
            return None
        pitch = float(np.median(parts[active & (voicing > 0.0), says.pitch[0]]))
        return cls(voiced, _kind(parts[active & (voicing <= 0.0)]), pitch, loud)


@dataclass(frozen=True, slots=True, eq=False)
class Timbre:
    """What parts of code vectors are shifted by."""

    shift: Floats
    """Of voiced and of unvoiced parts, shape [2, part]; the pitch is in both."""
    loud: float
    """As in `Portrait`, of what is shifted."""

    @classmethod
    def between(cls, said: Portrait, heard: Portrait, says: SoundParameters) -> Timbre:
        """From what the model says in the voice's place to how the voice was heard.

        A difference that chance makes as well is no difference (shrinkage, James and Stein, 1961).
        """
        unvoiced = np.zeros_like(said.voiced.mean)
        if said.unvoiced is not None and heard.unvoiced is not None:
            unvoiced = _difference(said.unvoiced, heard.unvoiced)
        shift = np.stack([_difference(said.voiced, heard.voiced), unvoiced])
        shift[:, says.loudness[0]] = 0.0
        shift[:, says.pitch[0]] = heard.pitch - said.pitch
        return cls(shift.astype(np.float32), said.loud)

    def shifted(self, vector: Floats, says: SoundParameters) -> Floats:
        """A frame's vector, its voiced, unvoiced and silent parts each shifted as their kind is."""
        assert says.part is not None  # or there would be no timbre
        parts = vector.reshape(-1, says.part)
        below_db = (self.loud - parts[:, says.loudness[0]]) / says.loudness_per_db
        amount = np.clip((FAINT_DB - below_db) / (FAINT_DB - FULL_DB), 0.0, 1.0)
        voiced = 1.0 / (1.0 + np.exp(-SURE * says.voicing_of(parts)))
        shift = np.stack([voiced, 1.0 - voiced], axis=1).astype(np.float32) @ self.shift
        pitch = says.pitch[0]
        moved = parts + amount[:, None].astype(np.float32) * shift
        moved[:, pitch] = parts[:, pitch] + self.shift[0, pitch]  # in silence, too: it must not jump
        found: Floats = moved.reshape(-1)
        return found


def _kind(parts: Floats) -> _Kind | None:
    if len(parts) < LEAST_PARTS:
        return None
    return _Kind(parts.mean(axis=0), parts.var(axis=0) * (SAME_SOUND / len(parts)))


def _difference(said: _Kind, heard: _Kind) -> Floats:
    difference = heard.mean - said.mean
    squared = np.square(difference)
    found: Floats = difference * squared / np.maximum(squared + said.error + heard.error, 1e-9)
    return found
