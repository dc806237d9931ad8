"""Sound files in pieces: an hour-long recording never lies in memory at once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.dsp import Resampler
from voxduct.errors import AudioFormatError

BLOCK_S = 10


class Recording:
    """A sound file, read once from start to end.

    Raises:
        AudioFormatError: no such file, or not one that libsndfile reads.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, TypeError) as error:
            why = "is not there" if not path.exists() else "is no sound file that can be read"
            raise AudioFormatError(f"{path} {why}; give a WAV, FLAC, MP3 or Ogg file", param=str(path)) from error
        self.path = path
        self.duration = self._file.frames / self._file.samplerate

    def blocks(self, sample_rate: int = SAMPLE_RATE) -> Iterator[Samples]:
        """Samples at this rate, mono (channels are averaged), some seconds at a time."""
        rate = self._file.samplerate
        resampler = Resampler(rate, sample_rate)
        with self._file as file:
            for block in file.blocks(rate * BLOCK_S, dtype="float32", always_2d=True):
                yield resampler.feed(np.ascontiguousarray(block.mean(axis=1)))
        yield resampler.flush()

    def samples(self, sample_rate: int = SAMPLE_RATE) -> Samples:
        """All of it at once, for those who need that; shape [n]."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks(sample_rate)])


def write_wav(target: Path | BinaryIO, samples: Samples, sample_rate: int) -> None:
    """Writes 16-bit WAV to a path or a binary stream; raises OSError where that is not possible."""
    sound = io.BytesIO()
    soundfile.write(sound, samples, sample_rate, subtype="PCM_16", format="WAV")
    if isinstance(target, Path):
        target.write_bytes(sound.getvalue())
    else:
        target.write(sound.getvalue())
