"""A microphone's packets to samples: one job at a time, in order, what was asked for in between kept in its place."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from voxduct.audio import Samples
from voxduct.codec.stretches import StretchDecoder, WireCodec
from voxduct.coded import CodedSound, PacketReader
from voxduct.errors import VoxductError
from voxduct.events import Event, Failed
from voxduct.models import Job, JobKind

JOB_FRAMES = 100  # code frames after which a job takes no further packet, so that others get their turn


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the input: a marker, or its end."""

    marker: str | None  # None: the end of input


Heard: TypeAlias = Samples | Mark


class CodedInput:
    """receive(packet), mark(...) -> jobs -> take(): samples and marks, in the order in which they came.

    Positions are known before anything is decoded. Packets that could not be decoded become as much silence, so that
    what comes after them keeps its place.
    """

    def __init__(self, codec: WireCodec) -> None:
        self._reader = PacketReader(codec.format)
        self._decoder = StretchDecoder(codec)
        self._waiting: deque[CodedSound | Mark] = deque()
        self._out: tuple[Job, list[CodedSound]] | None = None
        self._ready: list[Heard] = []
        self.received = 0
        """Samples accepted so far."""
        self.backlog = 0
        """Samples accepted but not yet decoded."""

    def receive(self, data: bytes) -> None:
        """One packet; raises AudioFormatError and drops it when it is none."""
        sound = self._reader.read(data)
        self._waiting.append(sound)
        self.received += sound.size
        self.backlog += sound.size

    def mark(self, marker: str | None) -> None:
        """Comes out of `take` behind all samples before it."""
        self._waiting.append(Mark(marker))

    def take(self) -> list[Heard]:
        """What is ready, once."""
        while self._out is None and self._waiting and isinstance(self._waiting[0], Mark):
            self._ready.append(self._waiting[0])
            self._waiting.popleft()
        ready, self._ready = self._ready, []
        return ready

    def next_job(self) -> Job | None:
        """Decodes what waits before the next mark; None when nothing does, or a job is out."""
        if self._out is not None:
            return None
        sounds: list[CodedSound] = []
        while self._waiting and sum(sound.frames for sound in sounds) < JOB_FRAMES:
            if isinstance(self._waiting[0], Mark):
                break
            sounds.append(self._waiting[0])
            self._waiting.popleft()
        if not sounds:
            return None
        job = Job(JobKind.DECODE, lambda: self._decode(sounds), _size(sounds))
        self._out = job, sounds
        return job

    def owns(self, job: Job) -> bool:
        """Whether the job came from here and is still out."""
        return self._out is not None and self._out[0] is job

    def receive_result(self, result: object) -> list[Event]:
        """What the job returned, or the exception it raised."""
        assert self._out is not None  # `owns` was asked
        size, self._out = _size(self._out[1]), None
        self.backlog -= size
        if isinstance(result, BaseException):
            self._ready.append(np.zeros(size, np.float32))
            code = result.code if isinstance(result, VoxductError) else "inference_failed"
            return [Failed(code, f"{size} samples of audio could not be decoded and are taken for silence")]
        if not isinstance(result, np.ndarray) or len(result) != size:
            raise TypeError(f"not a result of this stage: {type(result).__name__}")
        self._ready.append(result)
        return []

    def _decode(self, sounds: list[CodedSound]) -> Samples:
        """A job's work, on any thread."""
        samples: Samples = np.concatenate([self._decoder.decode(sound) for sound in sounds])
        return np.clip(samples, -1.0, 1.0, out=samples)


def _size(sounds: list[CodedSound]) -> int:
    return sum(sound.size for sound in sounds)
