"""Hearing an utterance chunk by chunk: each frame is encoded once, and the decoder is given those of its window.

For models whose encoder looks back instead of around (`StreamingWhisperModel`). With a lookahead, the last frames of a
chunk are heard in passing only and encoded again with the next one, so that every frame has once heard what follows it:
the right context of Shi et al., "Emformer" (2021), section 3.2. A `Listening` is never changed, so a pass whose result
is dropped has taken nothing from the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from voxduct.audio import Samples
from voxduct.dsp import HOP, N_FFT, LogMel
from voxduct.models import Floats, StreamingWhisperModel

REACH = N_FFT // 2  # samples that a log-mel frame needs on each side of its middle
MEL_FRAMES = 2  # log-mel frames per encoder frame
FRAME_SAMPLES = MEL_FRAMES * HOP
Doubles: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Listening:
    """Where the encoder stands in an utterance."""

    anchor: int
    """Position of the first sample of the first frame."""
    frames: int = 0
    """Encoded so far, without those that are to be heard again."""
    loudest: float = -np.inf
    """Decades of the loudest value before the log-mel frames that the next chunk begins with."""
    memory: object | None = None
    """The encoder's."""
    encoding: object | None = None
    """Of the frames of the last window; None before the first."""
    settled: object | None = None
    """The part of it that stays, up to `frames`; None where all is to be heard again."""
    first: int = 0
    """The first frame of both."""

    def frame_start(self, position: int) -> int:
        """Where the frame begins that a position lies in."""
        return position - (position - self.anchor) % FRAME_SAMPLES


class Listener:
    """The encoder of one model; all streams share it."""

    def __init__(self, model: StreamingWhisperModel, log_mel: LogMel, lookahead: int = 0) -> None:
        """`lookahead` is how many samples at the end of a chunk are encoded again with the next one."""
        self._model = model
        self._log_mel = log_mel
        self._lookahead = lookahead // FRAME_SAMPLES

    def begin(self, position: int) -> Listening:
        """An utterance of which nothing was heard begins at `position`."""
        return Listening(position)

    def follow(self, listening: Listening, samples: Samples, start: int) -> Listening:
        """Hears a window as far as whole frames go; its encoding is the `encoding` of what is returned.

        Args:
            listening: what the last window of the utterance left.
            samples: the window, shape [n].
            start: position of its first sample: that of a frame.
        """
        whole = (start + samples.size - listening.anchor - REACH) // FRAME_SAMPLES
        return self._advance(listening, samples, start, whole)

    def conclude(self, listening: Listening, samples: Samples, start: int, tail: int) -> object:
        """The encoding of a last window with `tail` samples of silence after it."""
        padded = np.pad(samples, (0, tail + REACH))
        whole = (start + samples.size + tail - listening.anchor) // FRAME_SAMPLES
        return self._advance(listening, padded, start, whole).encoding

    def _advance(self, listening: Listening, samples: Samples, start: int, frames: int) -> Listening:
        """Encodes up to so many frames since the anchor, and lets go of those before `start`."""
        too_long = frames > self._model.streaming_frames and start > listening.anchor
        if too_long or self._missed(listening, start):
            moved = (start - listening.anchor) // FRAME_SAMPLES
            return self._advance(Listening(start), samples, start, frames - moved)
        first = (start - listening.anchor) // FRAME_SAMPLES
        frames = max(frames, 1)
        if frames <= listening.frames and listening.settled is not None:
            encoding = self._model.join([listening.settled], first - listening.first)
            return replace(listening, encoding=encoding, settled=encoding, first=first)
        keep = max(frames - self._lookahead - listening.frames, 0)
        features, loudest = self._features(listening, samples, start, frames)
        heard, memory = self._model.encode_next(features, listening.memory, max(keep, 1))
        parts = [heard] if listening.settled is None else [listening.settled, heard]
        drop = first - (listening.frames if listening.settled is None else listening.first)
        encoding = self._model.join(parts, drop)
        if not keep:
            settled = None if listening.settled is None else self._model.join([listening.settled], drop)
            return replace(listening, encoding=encoding, settled=settled, first=first)
        frames = listening.frames + keep
        settled = self._model.join(parts, drop, frames - first) if frames > first else None
        before = (frames - 1) * MEL_FRAMES - _first_mel(listening)
        so_far = float(loudest[before]) if before >= 0 else listening.loudest
        return Listening(listening.anchor, frames, so_far, memory, encoding, settled, first)

    def _missed(self, listening: Listening, start: int) -> bool:
        """Whether audio that the next chunk needs is no longer in the window."""
        opening = listening.frames == 0
        needed = listening.anchor + (0 if opening else (listening.frames * MEL_FRAMES - 1) * HOP - REACH)
        return needed < start

    def _features(self, listening: Listening, samples: Samples, start: int, frames: int) -> tuple[Floats, Doubles]:
        """Log-mel from frame `listening.frames` to `frames`, one more on each side; the loudest value up to each."""
        opening = listening.frames == 0
        begin = _first_mel(listening)
        end = frames * MEL_FRAMES + 1
        at = listening.anchor + begin * HOP - REACH - start
        needed = at + N_FFT + (end - begin - 1) * HOP
        stretch = np.pad(samples, (REACH, 0), mode="reflect")[: needed + REACH] if opening else samples[at:needed]
        stretch = np.pad(stretch, (0, needed - at - stretch.size))
        features, so_far = self._log_mel.follow(stretch, listening.loudest)
        if opening:
            features = np.pad(features, ((0, 0), (1, 0)))
        return features, so_far


def _first_mel(listening: Listening) -> int:
    """The first log-mel frame that the next chunk needs and can have."""
    return max(listening.frames * MEL_FRAMES - 1, 0)
