"""Samples to stretches of code frames and back, for whoever sends sound as packets. Runs models: for jobs, threads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.codec.stream import CodecEncoderStream
from voxduct.coded import MAX_FRAMES, CodecFormat, CodedSound
from voxduct.errors import ModelError
from voxduct.loudness import FadeIn, limited
from voxduct.models import Codec, Ints


@dataclass(frozen=True, slots=True)
class WireCodec:
    """A codec that may be used on the wire instead of PCM, and the format of its packets."""

    codec: Codec
    format: CodecFormat

    @classmethod
    def of(cls, codec: Codec, name: str, version: str, delay_samples: int = 0) -> WireCodec:
        """Raises ModelError when it is of another rate than the engine's, or its frames do not fit packets."""
        if codec.sample_rate != SAMPLE_RATE:
            raise ModelError(f"{name} codes {codec.sample_rate} Hz; the wire takes codecs of {SAMPLE_RATE}")
        books, cardinality, size = codec.num_codebooks, codec.cardinality, codec.frame_size
        return cls(codec, CodecFormat(name, version, books, cardinality, size, delay_samples))


class StretchEncoder:
    """feed(samples of any count) -> coded sound; end() -> the rest of the stretch. What is fed next begins another.

    Decoded, a stretch that was ended has as many samples as were fed, each in its place.
    """

    def __init__(self, codec: WireCodec, pause: int = 0) -> None:
        """`pause`: samples of silence before the first stretch."""
        self._wire = codec
        self._pause = pause
        self._stream: CodecEncoderStream | None = None
        self._begun = False
        self._owed = 0  # samples that were fed, less those that the codes so far stand for

    def feed(self, samples: Samples) -> list[CodedSound]:
        """Samples of shape [n] to the code frames that they complete; often none."""
        if not samples.size:
            return []
        if self._stream is None:
            self._stream = CodecEncoderStream(self._wire.codec)
            self._begun, self._owed = False, self._wire.format.delay_samples
        self._owed += samples.size
        return self._cut(self._stream.feed(samples))

    def end(self) -> list[CodedSound]:
        """The stretch's last frames; none when nothing was fed or it was whole already."""
        if self._stream is None:
            return []
        codes = self._stream.flush(self._wire.format.delay_samples)
        self._stream = None
        return self._cut(codes, ends=True)

    def _cut(self, codes: Ints, *, ends: bool = False) -> list[CodedSound]:
        """Codes of shape [books, frames] as pieces that packets have room for."""
        size, frames = self._wire.format.frame_size, codes.shape[1]
        self._owed -= frames * size
        found = []
        for start in range(0, frames, MAX_FRAMES):
            begins, last = not self._begun, ends and start + MAX_FRAMES >= frames
            sound = CodedSound(
                codes[:, start : start + MAX_FRAMES],
                size,
                begins,
                self._pause if begins else 0,
                self._wire.format.delay_samples if begins else 0,
                last,
                -self._owed if last else 0,
            )
            found.append(sound)
            if begins:
                self._begun, self._pause = True, 0
        return found


class StretchDecoder:
    """Coded sound, in order, to samples."""

    def __init__(self, codec: WireCodec) -> None:
        self._codec = codec.codec
        self._state = self._codec.new_decoder_state()

    def decode(self, sound: CodedSound) -> Samples:
        """`sound.size` samples."""
        if sound.begins:
            self._state = self._codec.new_decoder_state()
        samples = self._codec.decode(sound.codes, self._state)
        return np.concatenate([np.zeros(sound.pause, np.float32), samples[sound.skip : len(samples) - sound.trim]])


class SpeechDecoder:
    """Coded speech of a server to samples: limited, and each stretch faded in, as the server does where it decodes."""

    def __init__(self, codec: WireCodec) -> None:
        self._stretches = StretchDecoder(codec)
        self._fade = FadeIn()

    def decode(self, sound: CodedSound) -> Samples:
        """`sound.size` samples."""
        samples = limited(self._stretches.decode(sound))
        if sound.begins:
            self._fade = FadeIn()
        return np.concatenate([samples[: sound.pause], self._fade.feed(samples[sound.pause :])])
