"""Sound files as a stream of mono PCM, and the other way round."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import soundfile

from voxduct.audio import Samples
from voxduct_client.errors import FileError
from voxduct_client.rates import Rate

CHUNK_S = 0.04  # seconds of one chunk


class SoundFile:
    """A WAV, FLAC or Ogg file that is read as mono float32; an iterator of chunks and a context manager."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, OSError) as error:
            why = "is no sound file that can be read" if path.is_file() else "is not there"
            raise FileError(f"{path} {why}; give a WAV, FLAC or Ogg file", param="path") from error
        self._path = path
        self._rate = Rate(self._file.samplerate)

    @property
    def sample_rate(self) -> int:
        """Hertz of what is read: the file's own rate, or another one when no server takes that."""
        return self._rate.sent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Samples]:
        frames = max(1, round(CHUNK_S * self._file.samplerate))
        while True:
            try:
                block = self._file.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise FileError(f"{self._path} is damaged: {error}", param="path") from error
            if not len(block):
                break
            yield self._rate.convert(to_mono(block))
        rest = self._rate.flush()
        if len(rest):
            yield rest


class WaveWriter:
    """A mono 16-bit WAV file that appears under its name only once it is complete; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._file: soundfile.SoundFile | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, pcm: bytes, sample_rate: int) -> None:
        """Appends s16le PCM. The first call fixes the file's rate."""
        try:
            if self._file is None:
                self._file = soundfile.SoundFile(self._part, "w", sample_rate, 1, "PCM_16", format="WAV")
            self._file.write(np.frombuffer(pcm, dtype="<i2"))
        except (soundfile.LibsndfileError, OSError) as error:
            raise FileError(f"cannot write {self._path}: {error}", param="output") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        self._file.close()
        if kind is None:
            os.replace(self._part, self._path)
        else:
            self._part.unlink(missing_ok=True)


def to_mono(block: npt.NDArray[np.float32]) -> Samples:
    """Frames of shape [n, channels] to their mean, shape [n]."""
    if block.shape[1] == 1:
        return block[:, 0]
    mono: Samples = block.mean(axis=1, dtype=np.float32)
    return mono
