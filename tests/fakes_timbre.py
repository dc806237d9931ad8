"""Code vectors of two moments of four entries: loudness in dB, pitch in semitones, voicing, brightness."""

from __future__ import annotations

import numpy as np

from voxduct.models import Floats
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.shaping.timbre import Portrait
from voxduct.tts.sound_parameters import SoundParameters

LOUDNESS, PITCH, VOICING, BRIGHT = range(4)
SAYS = SoundParameters((PITCH, 4 + PITCH), 12.0, (LOUDNESS, 4 + LOUDNESS), 1.0, (VOICING, 4 + VOICING), 4)
LOUD, SILENT = 60.0, 5.0
CODES = 512


def sound(rng: np.random.Generator, pitch: float, bright: float, hiss: float) -> Floats:
    """Vectors of so many frames as there are codes: half of them voiced, a quarter unvoiced, a quarter silent."""
    moments = np.zeros((2 * CODES, 4))
    kind = np.arange(2 * CODES) // 2 % 4
    moments[:, LOUDNESS] = np.where(kind == 3, SILENT, LOUD) + rng.normal(0, 2, 2 * CODES)
    moments[:, PITCH] = np.where(kind < 2, pitch, 0) + rng.normal(0, 1, 2 * CODES)
    moments[:, VOICING] = np.where(kind < 2, 3.0, -3.0)
    moments[:, BRIGHT] = np.where(kind < 2, bright, hiss) + rng.normal(0, 1, 2 * CODES)
    return moments.reshape(CODES, 8).astype(np.float32)


def vectors_of(frames: Floats) -> CodeVectors:
    """A book of these, and one that says nothing."""
    return CodeVectors(np.stack([frames, np.zeros_like(frames)]), SAYS)


def portrait(frames: Floats, count: int = CODES) -> Portrait:
    codes = np.stack([np.arange(count), np.zeros(count, np.int64)])
    found = Portrait.of(codes, vectors_of(frames))
    assert found is not None
    return found
