"""How a sentence's melody departs from what the voice draws: where each of its phones should have got to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.dsp import Doubles

SEMITONES, DECIBELS, HOLD = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """Of the phones of a sentence, or of a part of it, the last of which is the pause that ends it."""

    targets: Doubles
    """Shape [phones, 3]: at each phone's end semitones above, decibels louder than what is drawn, and how far (0 to 1)
    pitch is held where the sentence's vowels had it instead of following what is drawn."""
    vowels: frozenset[int]
    """Places of those phones whose pitch says where the voice is."""

    def between(self, start: int, end: int) -> Contour | None:
        """Of `phones[start:end]` and a pause that ends them; None where nothing is asked of them."""
        last = end + 1 == len(self.targets)
        targets = np.concatenate([self.targets[start:end], self.targets[-1:] * last])
        inside = frozenset(place - start for place in self.vowels if start <= place < end)
        return Contour(targets, inside) if targets.any() else None
