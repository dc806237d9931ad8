"""Lays a contour over the codes of a sentence, frame by frame, where code vectors are parameters of sound.

The language model goes on from what it drew itself and knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxduct.dsp import Doubles
from voxduct.models import Floats, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.shaping.contour import DECIBELS, HOLD, SEMITONES, Contour
from voxduct.tts.voice_codes import SteppedCodes

MOST = np.array([1.5, 1.0, 0.25])  # semitones, decibels and hold a frame: no jump, however short a phone turns out
MEMORY = 0.1  # share of a vowel's frame in the pitch that the voice is said to have


class IntonedCodes:
    """Codes of a sentence with another melody. Implements `SteppedCodes`.

    A phone's end is known only once the pointer has left it, but a frame is complete some steps after it was begun. So
    within a phone values go straight to their target at its end, known or expected, never faster than `MOST`.
    """

    def __init__(self, drawn: SteppedCodes, contour: Contour, lengths: Sequence[float], vectors: CodeVectors) -> None:
        """`lengths`: frames that each phone usually lasts; `vectors`: whose parameters are known."""
        assert vectors.parameters is not None
        self._drawn = drawn
        self._contour = contour
        self._lengths = lengths
        self._vectors = vectors
        self._parameters = vectors.parameters
        self._places: list[int] = []  # of every frame's phone
        self._over = False  # no more frames are begun
        self._values = np.zeros(3)
        self._level: float | None = None  # of pitch, in the vectors' unit
        self._told = 0
        self._frame: Ints | None = None

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._drawn.steps

    def step(self, window: Ints, age: int, end: int | None) -> float:
        """As `SteppedCodes.step`; a phone of age 0 is the next one."""
        self._over = end is not None
        if not self._over:
            place = self._places[-1] if self._places else -1
            self._places.append(place + (age == 0))
        advance = self._drawn.step(window, age, end)
        codes = self._drawn.frame()
        self._frame = None if codes is None else self._intoned(codes)
        return advance

    def frame(self) -> Ints | None:
        """As `SteppedCodes.frame`."""
        return self._frame

    def _intoned(self, codes: Ints) -> Ints:
        before, place = self._values, self._places[self._told]
        self._values = before + np.clip((self._contour.targets[place] - before) / self._left(), -MOST, MOST)
        self._told += 1
        vector = self._vectors.vector(codes)
        if place in self._contour.vowels:
            self._hear(float(vector[list(self._parameters.pitch)].mean()))
        if not before.any() and not self._values.any():
            return codes
        return self._vectors.nearest(self._moved(vector, before))

    def _left(self) -> int:
        """Frames until the present one's phone ends, itself included."""
        seen = self._places[self._told :]
        place, same = seen[0], seen.count(seen[0])
        if seen[-1] != place or self._over:
            return same
        age = self._told - self._places.index(place)
        return max(round(self._lengths[place]) - age, same)

    def _hear(self, pitch: float) -> None:
        """Follows the drawn pitch, less and less as pitch is held."""
        weight = MEMORY * (1.0 - self._values[HOLD])
        self._level = pitch if self._level is None else self._level + weight * (pitch - self._level)

    def _moved(self, vector: Floats, before: Doubles) -> Floats:
        """The frame's vector, its parts in time on the way from the values before it to its own."""
        says, moved = self._parameters, vector.copy()
        count = len(says.pitch)
        for part, (pitch, loudness) in enumerate(zip(says.pitch, says.loudness, strict=True), start=1):
            values = before + (self._values - before) * (part / count)
            level = vector[pitch] if self._level is None else self._level
            moved[pitch] += values[HOLD] * (level - vector[pitch])
            moved[pitch] += values[SEMITONES] / 12.0 * says.pitch_per_octave
            moved[loudness] += values[DECIBELS] * says.loudness_per_db
        return moved
