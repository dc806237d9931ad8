"""What a codec costs on one recording, and how much of it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from voxduct.audio import SAMPLE_RATE, Samples, to_seconds
from voxduct.bench.mel import mel_distance
from voxduct.codec.clip import ClipCodec, resample
from voxduct.codec.description import CodecDescription

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class CodecFigures:
    """One row of a comparison."""

    name: str
    """What the user called it."""
    about: CodecDescription
    seconds: float
    """Of sound."""
    mel_distance: float
    encode_rtf: float
    """Seconds of computing for one second of sound; resampling is left out."""
    decode_rtf: float

    @property
    def kbps(self) -> float:
        """Thousands of bits a second."""
        return self.about.kbps

    def as_json(self) -> dict[str, object]:
        """With the codec's description."""
        return {
            "codec": self.name,
            "family": self.about.family,
            "kbps": round(self.kbps, 3),
            "mel_distance": round(self.mel_distance, 4),
            "encode_rtf": round(self.encode_rtf, 5),
            "decode_rtf": round(self.decode_rtf, 5),
            "seconds": round(self.seconds, 3),
            "sample_rate": self.about.sample_rate,
            "frame_rate": self.about.frame_rate,
            "books": self.about.num_books,
            "cardinality": self.about.cardinality,
        }


def measure_codec(name: str, codec: ClipCodec, clip: Samples, rounds: int = 1) -> CodecFigures:
    """Encodes and decodes samples at 16 kHz, resampled to the codec's own rate; the fastest of the rounds counts.

    Raises:
        AudioFormatError: the clip is empty, or too long for this codec.
        ModelError, InferenceError: the codec cannot do both, or failed.
    """
    about = codec.description
    sound = resample(clip, SAMPLE_RATE, about.sample_rate)
    packed, encoding = _fastest(lambda: codec.encode_clip(sound), rounds)
    back, decoding = _fastest(lambda: codec.decode_clip(packed), rounds)
    seconds = to_seconds(len(clip))
    distance = mel_distance(clip, resample(back, about.sample_rate))
    return CodecFigures(name, about, seconds, distance, encoding / seconds, decoding / seconds)


def _fastest(work: Callable[[], Found], rounds: int) -> tuple[Found, float]:
    """What came of it, and the seconds of the fastest round."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - begun)
    return found, best
