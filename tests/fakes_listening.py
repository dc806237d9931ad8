"""A Whisper double whose encoder hears a stream chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.fakes_hearing import FakeWhisper, _Heard
from voxduct.asr.tokenizer import Tokenizer
from voxduct.models import Floats

QUIET = 0.0  # log-mel below which nothing is a tone


@dataclass
class _Listened(_Heard):
    peaks: np.ndarray


@dataclass(frozen=True)
class _Memory:
    frames: int
    loudest: float


class FakeStreamingWhisper(FakeWhisper):
    """Hears what `FakeWhisper` hears, except that what is loud depends on what came before alone."""

    streaming = True

    def __init__(self, tokenizer: Tokenizer, streaming_frames: int = 1_500) -> None:
        super().__init__(tokenizer)
        self.streaming_frames = streaming_frames
        self.chunks: list[tuple[int, int]] = []
        """First frame and number of frames of every chunk, since its stream began."""

    def encode_next(self, log_mel: Floats, memory: object | None, keep: int | None = None) -> tuple[object, object]:
        before = memory if isinstance(memory, _Memory) else _Memory(0, -np.inf)
        own = log_mel[:, 1:-1]
        frames = own.shape[1] // 2
        self.chunks.append((before.frames, frames))
        loudest = np.maximum.accumulate(np.maximum(own.max(axis=0), before.loudest))
        loud = own.max(axis=0) > np.maximum(loudest - 0.5, QUIET)
        peaks = np.where(loud, own.argmax(axis=0), -1)[::2]
        keep = frames if keep is None else keep
        return self._listened(peaks), _Memory(before.frames + keep, float(loudest[2 * keep - 1]))

    def join(self, encodings: Sequence[object], drop: int, take: int | None = None) -> object:
        peaks = [encoding.peaks for encoding in encodings if isinstance(encoding, _Listened)]
        return self._listened(np.concatenate(peaks)[drop:][:take])

    def _listened(self, peaks: np.ndarray) -> _Listened:
        return _Listened(self._runs(peaks), len(peaks), peaks)
