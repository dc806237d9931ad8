"""Keeps a continuation in the timbre of its prompt: what is drawn drifts, and is shifted back by as much."""

from __future__ import annotations

from collections import deque

import numpy as np

from voxduct.models import Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.shaping.timbre import Portrait, Timbre

REMEMBERED = 400  # frames that were drawn last, by which the drift is judged: 8 s
EVERY = 10  # frames between two judgements
FOLLOWED = 0.1  # of the way to the newest judgement in each frame: no step is heard
MOST_SEMITONES = 4.0  # further away it is another note, and no drift


class KeptTimbre:
    """Frames as they are drawn to frames as they are to sound; one continuation's."""

    def __init__(self, prompt: Ints, vectors: CodeVectors | None) -> None:
        """`prompt`: its codes, shape [books, frames]; without `vectors` that say what timbre is nothing is shifted."""
        self._vectors = vectors
        self._heard = None if vectors is None else Portrait.of(prompt, vectors)
        self._drawn: deque[Ints] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._wanted: Timbre | None = None
        self._now: Timbre | None = None

    def keep(self, codes: Ints) -> Ints:
        """The next frame's codes, shape [books]."""
        if self._vectors is None or self._heard is None:
            return codes
        self._drawn.append(codes)
        if self._count % EVERY == 0:
            self._judge(self._vectors, self._heard)
        self._count += 1
        if self._wanted is None:
            return codes
        assert self._vectors.parameters is not None  # or there would be no portrait
        self._follow(self._wanted)
        assert self._now is not None
        return self._vectors.nearest(self._now.shifted(self._vectors.vector(codes), self._vectors.parameters))

    def _judge(self, vectors: CodeVectors, heard: Portrait) -> None:
        said = Portrait.of(np.stack(self._drawn, axis=1), vectors)
        if said is None:
            return
        assert vectors.parameters is not None
        self._wanted = Timbre.between(said, heard, vectors.parameters)
        most = MOST_SEMITONES / 12.0 * vectors.parameters.pitch_per_octave
        pitch = vectors.parameters.pitch[0]
        self._wanted.shift[:, pitch] = np.clip(self._wanted.shift[:, pitch], -most, most)

    def _follow(self, wanted: Timbre) -> None:
        before = np.zeros_like(wanted.shift) if self._now is None else self._now.shift
        self._now = Timbre(before + np.float32(FOLLOWED) * (wanted.shift - before), wanted.loud)
