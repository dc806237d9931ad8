"""What sound is inside the engine, and how bytes become it.

Inside, audio is mono float32 in [-1, 1] at `SAMPLE_RATE`, and every position is an integer sample index since the
session's start. Seconds exist only on the wire and in print.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from voxduct.errors import AudioFormatError

SAMPLE_RATE = 16_000  # Hz, everything inside the engine
MIN_INPUT_RATE = 8_000  # Hz
MAX_INPUT_RATE = 48_000  # Hz
PCM16_SCALE = 32_768.0  # int16 full scale

Samples: TypeAlias = npt.NDArray[np.float32]  # shape [n], mono, [-1, 1]


class Encoding(StrEnum):
    """How one sample is stored in bytes."""

    S16LE = "s16le"
    F32LE = "f32le"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 2 if self is Encoding.S16LE else 4


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The format a client declared for its audio; checked on construction."""

    sample_rate: int = SAMPLE_RATE
    """Hertz, 8,000 to 48,000."""
    encoding: Encoding = Encoding.S16LE

    def __post_init__(self) -> None:
        if not MIN_INPUT_RATE <= self.sample_rate <= MAX_INPUT_RATE:
            raise AudioFormatError(
                f"sample_rate {self.sample_rate} is outside {MIN_INPUT_RATE}-{MAX_INPUT_RATE} Hz; declare the "
                "microphone's own rate",
                param="sample_rate",
            )

    def decode(self, data: bytes) -> Samples:
        """Turns one binary message into samples at `sample_rate`, float32 of shape [n].

        Raises:
            AudioFormatError: a byte count that holds no whole number of samples, or samples that are not finite.
        """
        if len(data) % self.encoding.sample_bytes:
            raise AudioFormatError(
                f"{len(data)} bytes hold no whole number of {self.encoding.value} samples "
                f"({self.encoding.sample_bytes} bytes each); this message was dropped",
                param="audio",
            )
        if self.encoding is Encoding.S16LE:
            return pcm16_to_float(np.frombuffer(data, dtype="<i2"))
        samples = np.frombuffer(data, dtype="<f4").astype(np.float32)
        if not np.isfinite(samples).all():
            raise AudioFormatError("audio holds NaN or infinite samples; this message was dropped", param="audio")
        return np.clip(samples, -1.0, 1.0)


def pcm16_to_float(pcm: npt.NDArray[np.int16]) -> Samples:
    """int16 of shape [n] to float32 in [-1, 1)."""
    return pcm.astype(np.float32) / np.float32(PCM16_SCALE)


def float_to_pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """float32 of shape [n] to int16, clipped at full scale."""
    scaled: Samples = np.rint(np.clip(samples, -1.0, 1.0) * (PCM16_SCALE - 1))
    return scaled.astype(np.int16)


def to_seconds(position: int, sample_rate: int = SAMPLE_RATE) -> float:
    """A sample index (or count) in seconds, for the wire and for print."""
    return position / sample_rate
