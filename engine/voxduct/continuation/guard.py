"""Watches that a continuation does not fall silent."""

from __future__ import annotations

from enum import Enum, auto

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples

QUIET = 0.006  # peak below which a frame is silence, at the level that the model was trained at
PATIENCE = SAMPLE_RATE * 5 // 10  # samples of silence that are let pass
DESPAIR = SAMPLE_RATE * 8 // 10


class Remedy(Enum):
    """What is to be done about silence."""

    NONE = auto()
    SOUND = auto()
    """The next semantic tokens must not mean silence."""
    RESTART = auto()
    """Those did, and yet nothing is heard: the acoustic model forgets all but the prompt. Said once in each silence."""


class SilenceGuard:
    """feed(decoded samples) as they are made; `remedy()` says what is to be done before the next ones."""

    def __init__(self) -> None:
        self._quiet = 0
        self._restarted = False

    def feed(self, samples: Samples) -> None:
        """Takes one frame of samples before they are brought back to the prompt's level."""
        if np.abs(samples).max(initial=0.0) >= QUIET:
            self._quiet, self._restarted = 0, False
        else:
            self._quiet += len(samples)

    def remedy(self) -> Remedy:
        """What the silence so far calls for."""
        if self._quiet < PATIENCE:
            return Remedy.NONE
        if self._quiet < DESPAIR or self._restarted:
            return Remedy.SOUND
        self._restarted = True
        return Remedy.RESTART
