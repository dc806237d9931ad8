"""Several voices say a sentence together, phone by phone, and what is heard lies in between.

A codec language model that has learnt few voices does not mix them: halfway between two speaker vectors it speaks as
the one or the other. The codec's code vectors do mix where they are parameters of sound, pitch among them (on a
logarithmic scale), as in speech morphing: so every voice draws codes of its own, all of them follow one pointer, and
the weighted mean of their vectors is quantised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.models import Floats, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.voice_codes import SteppedCodes


@dataclass(frozen=True, slots=True)
class MixedCodes:
    """Voices in lockstep; costs as many model runs as there are voices. Implements `SteppedCodes`."""

    voices: Sequence[SteppedCodes]
    weights: Sequence[float]
    """Positive, of sum 1."""
    vectors: CodeVectors

    @property
    def steps(self) -> int:
        """Steps taken so far, by each."""
        return self.voices[0].steps

    def step(self, window: Ints, age: int, end: int | None) -> float:
        """As `SteppedCodes.step`; the logit is the voices' weighted mean."""
        logits = [voice.step(window, age, end) for voice in self.voices]
        return sum(weight * logit for weight, logit in zip(self.weights, logits, strict=True))

    def frame(self) -> Ints | None:
        """As `SteppedCodes.frame`."""
        mixed: Floats | None = None
        for weight, voice in zip(self.weights, self.voices, strict=True):
            if (codes := voice.frame()) is None:
                return None
            part = np.float32(weight) * self.vectors.vector(codes)
            mixed = part if mixed is None else mixed + part
        return None if mixed is None else self.vectors.nearest(mixed)
