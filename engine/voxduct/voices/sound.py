"""A sound file, in memory or on disk, to what a voice is made from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from voxduct.audio import MIN_INPUT_RATE, Samples
from voxduct.dsp import Resampler
from voxduct.errors import ClipError

MAX_RATE = 192_000  # Hz
MAX_CHANNELS = 8
FULL_SCALE = 0.999  # from here on a sample counts as clipped


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A whole recording, short enough to lie in memory."""

    samples: Samples
    """Shape [n], 16 kHz; channels are averaged."""
    clipped: float
    """Share of the moments at which some channel was at full scale, as recorded."""


def read_sound(source: Path | bytes, max_s: float) -> Sound:
    """Reads a WAV, FLAC, MP3 or Ogg file, a second at a time: a small file that unpacks to hours costs no memory.

    Raises:
        ClipError: no such file, no sound file, one with samples that are no numbers, or longer than `max_s`.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            return _read(file, max_s)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: raw audio, of which nobody knows the format
        what = "what was sent" if isinstance(source, bytes) else str(source)
        why = "is not there" if isinstance(source, Path) and not source.exists() else "is no sound file"
        raise ClipError(f"{what} {why}; give a WAV, FLAC, MP3 or Ogg file", code="clip_unreadable") from error


def _read(file: soundfile.SoundFile, max_s: float) -> Sound:
    rate = file.samplerate
    if not MIN_INPUT_RATE <= rate <= MAX_RATE or file.channels > MAX_CHANNELS:
        raise ClipError(
            f"{file.channels} channels at {rate} Hz are no recording of a voice; give up to {MAX_CHANNELS} at "
            f"{MIN_INPUT_RATE} to {MAX_RATE} Hz",
            code="clip_unreadable",
        )
    resampler = Resampler(rate)
    pieces: list[Samples] = []
    frames, clipped = 0, 0
    for block in file.blocks(rate, dtype="float32", always_2d=True):
        frames += len(block)
        if frames > max_s * rate:
            raise ClipError(f"the clip is longer than {max_s:g} s; send a part of it", code="clip_too_long")
        if not np.isfinite(block).all():
            raise ClipError("the clip holds NaN or infinite samples; convert it anew", code="clip_unreadable")
        clipped += int((np.abs(block).max(axis=1) >= FULL_SCALE).sum())
        pieces.append(resampler.feed(np.ascontiguousarray(block.mean(axis=1))))
    pieces.append(resampler.flush())
    return Sound(np.concatenate(pieces), clipped / max(frames, 1))
