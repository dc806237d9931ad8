"""One sentence being spoken: frames are drawn, made sound, and played. Everything here runs inside jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from voxduct.audio import Samples
from voxduct.models import Codec, Ints
from voxduct.tts.loudness import limited
from voxduct.tts.silence import LeadingSilence

Frame = npt.NDArray[Any]
"""Codes of one frame, or a latent vector, shape [width]; several are [width, n]."""


@dataclass(frozen=True, slots=True, eq=False)
class SpokenPiece:
    """What one job made."""

    samples: Samples
    last: bool
    """The sentence is over."""


class FrameSource(Protocol):
    """Draws the frames of one sentence."""

    @property
    def done(self) -> bool:
        """All frames have been drawn."""

    def next_frame(self) -> Frame | None:
        """The next frame; None when the sentence is over. Runs a model."""


class FrameSound(Protocol):
    """Makes sound of the frames of one sentence."""

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""

    def feed(self, frames: Frame) -> Samples:
        """Frames of shape [width, n] to the samples that are certain now; whole frames of them, perhaps none."""

    def flush(self) -> Samples:
        """The samples of what was fed and is not said yet."""


class LaggingSound:
    """A streaming codec whose decoder lags one frame behind."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._state = codec.new_decoder_state()
        self._last: Ints | None = None

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""
        return self._codec.frame_size

    def feed(self, frames: Frame) -> Samples:
        """Codes of shape [books, n] to as many frames of samples."""
        self._last = frames[:, -1]
        return self._codec.decode(frames, self._state)

    def flush(self) -> Samples:
        """The last frame once more brings the sentence's end out."""
        if self._last is None:
            return np.zeros(0, np.float32)
        return self._codec.decode(self._last[:, None], self._state)


class SpokenSentence:
    """Draws frames, makes sound of them and cuts the leading silence, as much at a time as is asked for."""

    def __init__(self, frames: FrameSource, sound: FrameSound, silence: LeadingSilence) -> None:
        self._frames = frames
        self._sound = sound
        self._silence = silence

    def speak(self, frames: int) -> SpokenPiece:
        """At least `frames` frames' worth of samples, fewer only at the sentence's end.

        Silence that is cut does not count, so the first piece always has sound in it.
        """
        made: list[Samples] = []
        size = self._sound.frame_size
        while (missing := frames - sum(map(len, made)) // size) > 0:
            if drawn := self._draw(missing):
                made.append(self._play(self._sound.feed(np.stack(drawn, axis=1))))
            if self._frames.done:
                return SpokenPiece(np.concatenate([*made, self._play(self._sound.flush())]), last=True)
        return SpokenPiece(np.concatenate(made), last=False)

    def _draw(self, frames: int) -> list[Frame]:
        """Up to `frames` frames."""
        drawn: list[Frame] = []
        while len(drawn) < frames and (frame := self._frames.next_frame()) is not None:
            drawn.append(frame)
        return drawn

    def _play(self, samples: Samples) -> Samples:
        return self._silence.feed(limited(samples))
