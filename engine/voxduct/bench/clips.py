"""Spoken clips with known words: read from a folder, and joined into one long tape.

A folder holds sound files and `transcripts.tsv`: per line the file's name (with or without suffix), a tab, and its
text; a third column, where there is one, holds the second at which each word of the text ends, `-` where unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import AudioFormatError

SUFFIXES = ("", ".flac", ".wav", ".opus", ".ogg")
MANIFEST = "transcripts.tsv"
SPEECH_FLOOR = 0.02  # of a clip's peak: quieter than that is not its last word
NOISE_FLOOR = 1e-4  # amplitude of the noise in pauses: digital silence is no microphone


@dataclass(frozen=True, slots=True)
class Clip:
    """One spoken text."""

    path: Path
    text: str
    word_ends: tuple[float | None, ...] = ()
    """Seconds at which the words of `text` end, where whoever made the clip knew them."""

    def samples(self) -> Samples:
        """The sound at 16 kHz, mono."""
        return read_sound(self.path)


def read_sound(path: Path) -> Samples:
    """Any file that libsndfile reads, as float32 of shape [n] at 16 kHz; channels are averaged.

    Raises:
        AudioFormatError: no such file, or not a sound file.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        why = "is not there" if not path.exists() else f"cannot be read as sound ({error.error_string})"
        raise AudioFormatError(f"{path} {why}; give a WAV, FLAC or Ogg file", param=str(path)) from error
    mono = samples.mean(axis=1)
    return np.asarray(mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE), np.float32)


def read_clips(folder: Path) -> list[Clip]:
    """The clips of a folder, in its manifest's order.

    Raises:
        AudioFormatError: no manifest, or a clip it names is not there.
    """
    manifest = folder if folder.is_file() else folder / MANIFEST
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AudioFormatError(f"{manifest} cannot be read; name a folder of clips with {MANIFEST}") from error
    return [_clip(manifest, line) for line in lines if line.strip() and not line.startswith("#")]


def _clip(manifest: Path, line: str) -> Clip:
    name, text, *rest = line.split("\t")
    for suffix in SUFFIXES:
        path = manifest.parent / f"{name}{suffix}"
        if path.is_file():
            ends = tuple(None if end == "-" else float(end) for end in rest[0].split()) if rest else ()
            return Clip(path, text, ends if len(ends) == len(text.split()) else ())
    raise AudioFormatError(f"{manifest} names {name}, which is not beside it")


def speech_end(samples: Samples) -> int:
    """Where the last sound of a clip ends, in samples: the true end that endpointing is measured against."""
    loud = np.flatnonzero(np.abs(samples) > SPEECH_FLOOR * float(np.abs(samples).max(initial=0.0)))
    return int(loud[-1]) + 1 if len(loud) else 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A clip on a tape; times are seconds since the tape's start."""

    clip: Clip
    start: float
    end: float
    """Where its last sound ends."""

    @property
    def word_ends(self) -> tuple[float | None, ...]:
        """Where its words end, on the tape, as far as known."""
        return tuple(None if end is None else self.start + end for end in self.clip.word_ends)


@dataclass(frozen=True, slots=True)
class Tape:
    """Clips one after the other, with pauses of faint noise between them."""

    samples: Samples
    placed: tuple[Placed, ...]

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def text(self) -> str:
        """Everything said on it."""
        return " ".join(placed.clip.text for placed in self.placed)


def join(clips: Sequence[Clip], pause_s: float = 1.2, lead_s: float = 0.5) -> Tape:
    """A tape of the clips in order; it begins with `lead_s` of noise and ends with a pause."""
    noise = np.random.default_rng(0)

    def pause(seconds: float) -> Samples:
        return (noise.standard_normal(round(seconds * SAMPLE_RATE)) * NOISE_FLOOR).astype(np.float32)

    pieces, placed, position = [pause(lead_s)], [], round(lead_s * SAMPLE_RATE)
    for clip in clips:
        samples = clip.samples()
        end = position + speech_end(samples)
        placed.append(Placed(clip, position / SAMPLE_RATE, end / SAMPLE_RATE))
        pieces += [samples, pause(pause_s)]
        position += len(samples) + len(pieces[-1])
    return Tape(np.concatenate(pieces), tuple(placed))
