"""Whole recordings to codes and back: what codecs can do that do not stream, and those that stream as well."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.codec.description import CodecDescription
from voxduct.codec.packed import PackedCodes
from voxduct.codec.stream import decode_all, encode_all
from voxduct.dsp import Resampler
from voxduct.errors import AudioFormatError
from voxduct.models import Codec


class ClipCodec(Protocol):
    """A codec for whole recordings."""

    @property
    def description(self) -> CodecDescription:
        """What it is, in numbers."""

    def encode_clip(self, samples: Samples) -> PackedCodes:
        """Samples of shape [n] at the codec's own rate to codes; raises AudioFormatError when there are none."""

    def decode_clip(self, packed: PackedCodes) -> Samples:
        """Codes to as many samples as were encoded; raises AudioFormatError when they are of another codec."""


class StreamedClips:
    """Implements `ClipCodec` with a codec that streams."""

    def __init__(self, codec: Codec, family: str, delay_samples: int = 0) -> None:
        """`delay_samples` is by how much decoded samples lag behind those that were encoded."""
        self._codec, self._delay = codec, delay_samples
        self.description = describe(codec, family)

    def encode_clip(self, samples: Samples) -> PackedCodes:
        """See `ClipCodec`."""
        check_samples(samples)
        codes = encode_all(samples, self._codec, self._delay)
        about = self.description
        return PackedCodes(
            codes, about.cardinality, about.sample_rate, about.frame_size, len(samples), codec=about.family
        )

    def decode_clip(self, packed: PackedCodes) -> Samples:
        """See `ClipCodec`."""
        check_codes(packed, self.description)
        return decode_all(packed.codes, self._codec, self._delay)[: packed.samples]


def describe(codec: Codec, family: str) -> CodecDescription:
    """A codec that streams, in numbers; each of its books has one code in a frame."""
    rates = (1,) * codec.num_codebooks
    return CodecDescription(family, codec.sample_rate, codec.frame_size, codec.cardinality, rates)


def check_samples(samples: Samples) -> None:
    """Raises AudioFormatError when there is nothing to encode, or what is no sound."""
    if samples.ndim != 1 or not len(samples):
        raise AudioFormatError("there is no sound to encode; give a recording that is not empty")
    if not np.isfinite(samples).all():
        raise AudioFormatError("the sound holds NaN or infinite samples; record it again")


def check_codes(packed: PackedCodes, wanted: CodecDescription) -> None:
    """Raises AudioFormatError, with what differs, when codes are not of the codec that is to decode them."""
    found = packed.description
    pairs = {
        "codec": (found.family or wanted.family, wanted.family),
        "books": (found.rates, wanted.rates),
        "cardinality": (found.cardinality, wanted.cardinality),
        "sample rate": (found.sample_rate, wanted.sample_rate),
        "samples of a frame": (found.frame_size, wanted.frame_size),
    }
    for what, (one, other) in pairs.items():
        if one != other:
            raise AudioFormatError(
                f"these codes are of another codec ({what}: {_say(one)}, not {_say(other)}); decode them with the one "
                "that encoded them"
            )
    codes = packed.codes
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < wanted.cardinality:
        raise AudioFormatError(f"there are codes outside 0 to {wanted.cardinality - 1}; encode the sound again")


def _say(value: object) -> str:
    """Books that all have one code in a frame are only counted."""
    if isinstance(value, tuple):
        return str(len(value)) if set(value) == {1} else "at rates " + ":".join(map(str, value))
    return str(value)


def resample(samples: Samples, sample_rate: int, wanted: int = SAMPLE_RATE) -> Samples:
    """A whole recording at another rate; the engine's own, unless said otherwise."""
    resampler = Resampler(sample_rate, wanted)
    return np.concatenate([resampler.feed(samples), resampler.flush()])
