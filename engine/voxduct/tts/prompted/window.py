"""Sound of codes as they come, also from codecs that look ahead.

A codec that is not causal is given windows: some frames that were said already, those to be said, and some that come
after them; the middle is kept. So do Orpheus' makers with SNAC (windows of four frames, the second is kept). Where a
codec looks further than a window goes, the sound differs a little from that of the whole, and two windows differ from
each other at their seam; there one is faded into the other. Of a codec that looks less far than `after` frames ahead
and no further than `before` back, the sound is that of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.audio import Samples
from voxduct.models import Codec
from voxduct.tts.sentence import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How frames are cut into windows; it does not depend on how they come, and so neither does the sound."""

    before: int
    """Frames said already that a window begins with, as far as there are any."""
    steps: tuple[int, ...]
    """Frames that the first, second ... window says; the last goes on. Small first: the listener waits for it."""
    after: int
    """Frames behind them that a window ends with; speech is late by so much."""
    fade: int
    """Samples over which a window is faded into the next; at most `after` frames."""


class WindowedSound:
    """Implements `FrameSound` on a codec that takes every call for a whole recording."""

    def __init__(self, codec: Codec, windows: Windows) -> None:
        self._codec = codec
        self._windows = windows
        self._kept: Frame = np.zeros((codec.num_codebooks, 0), np.int64)
        self._said = 0  # of the frames that are kept
        self._count = 0  # windows so far
        self._tail: Samples = np.zeros(0, np.float32)

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._codec.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""
        return self._codec.frame_size

    def feed(self, frames: Frame) -> Samples:
        """Codes of shape [books, n] to the samples of those frames whose window is complete."""
        self._kept = np.concatenate([self._kept, frames], axis=1)
        made = [np.zeros(0, np.float32)]
        while self._waiting >= (step := self._step) + self._windows.after:
            made.append(self._say(step, self._windows.after))
        return np.concatenate(made)

    def flush(self) -> Samples:
        """The rest, in a window that ends with it."""
        return self._say(self._waiting, 0) if self._waiting else np.zeros(0, np.float32)

    @property
    def _waiting(self) -> int:
        return int(self._kept.shape[1]) - self._said

    @property
    def _step(self) -> int:
        steps = self._windows.steps
        return steps[min(self._count, len(steps) - 1)]

    def _say(self, step: int, after: int) -> Samples:
        size, end = self.frame_size, self._said + step
        window = np.ascontiguousarray(self._kept[:, : end + after])
        sound = self._codec.decode(window, self._codec.new_decoder_state())
        said = sound[self._said * size : end * size].copy()
        self._fade_in(said)
        self._tail = sound[end * size : end * size + self._windows.fade]
        self._kept = self._kept[:, max(0, end - self._windows.before) :]
        self._said = min(end, self._windows.before)
        self._count += 1
        return said

    def _fade_in(self, said: Samples) -> None:
        length = min(len(self._tail), len(said))
        if length:
            share = (np.arange(length, dtype=np.float32) + 1) / (length + 1)
            said[:length] = self._tail[:length] * (1 - share) + said[:length] * share


class StatefulSound:
    """Implements `FrameSound` on a codec that remembers what it said."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._state = codec.new_decoder_state()

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._codec.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""
        return self._codec.frame_size

    def feed(self, frames: Frame) -> Samples:
        """Codes of shape [books, n] to as many frames of samples."""
        return self._codec.decode(frames, self._state)

    def flush(self) -> Samples:
        """Nothing is left."""
        return np.zeros(0, np.float32)
