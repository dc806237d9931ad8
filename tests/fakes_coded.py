"""Codecs that need no weights, the packets they make, and an engine that has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer
from tests.fakes_speaking import fake_synthesiser
from voxduct.asr.live.stream import Recogniser
from voxduct.audio import Samples
from voxduct.codec.stretches import StretchDecoder, StretchEncoder, WireCodec
from voxduct.coded import CodedSound
from voxduct.models import Ints
from voxduct.session import Engine

DELAY = 320  # samples by which the rough codec's decoder lags
ROUGH = "rough"


class PlainCodec:
    """Codes are the samples themselves, as 16 bits; decoded samples lag by `delay`."""

    sample_rate, frame_size, cardinality = 16_000, 320, 1 << 16

    def __init__(self, delay: int = 0) -> None:
        self.delay, self.num_codebooks = delay, self.frame_size

    def new_encoder_state(self) -> object:
        return None

    def new_decoder_state(self) -> list[Samples]:
        return [np.full(self.delay, 0.5, np.float32)]  # a noise that must never be heard

    def encode(self, samples: Samples, state: object) -> Ints:
        return (np.rint(samples * 1000) + 32_768).astype(np.int64).reshape(-1, self.frame_size).T

    def decode(self, codes: Ints, state: object) -> Samples:
        assert isinstance(state, list)
        sound = np.concatenate([state[0], ((codes.T.reshape(-1) - 32_768) / 1000).astype(np.float32)])
        state[0] = sound[len(sound) - self.delay :]
        return sound[: len(sound) - self.delay]


class RoughCodec(PlainCodec):
    """Loses a little, and its decoder remembers: decoded samples show where a stretch began."""

    fail_at: int | None = None
    calls = 0

    def new_decoder_state(self) -> list[Samples]:
        return [np.zeros(self.delay, np.float32), np.zeros(1, np.float32)]

    def encode(self, samples: Samples, state: object) -> Ints:
        return super().encode(np.round(samples, 2), state)

    def decode(self, codes: Ints, state: object) -> Samples:
        self.calls += 1
        if self.fail_at is not None and self.calls > self.fail_at:
            raise RuntimeError("the fake was told to fail")
        assert isinstance(state, list)
        sound = super().decode(codes, state)
        sound[0] += 0.001 * state[1][0]
        state[1] = state[1] + codes.shape[1] % 2
        return sound


def packets(audio: Samples, sizes: Sequence[int] = (1600,)) -> list[bytes]:
    """The audio as packets, fed to the encoder in chunks of these sizes, the last one again and again."""
    wire = WireCodec.of(RoughCodec(DELAY), "rough", "1", DELAY)
    encoder, found, at = StretchEncoder(wire), list[CodedSound](), 0
    for number in range(len(audio)):
        if at >= len(audio):
            break
        size = sizes[min(number, len(sizes) - 1)]
        found += encoder.feed(audio[at : at + size])
        at += size
    return [wire.format.encode(sound) for sound in [*found, *encoder.end()]]


def once_through(audio: Samples) -> Samples:
    """The audio encoded and decoded offline."""
    wire = WireCodec.of(RoughCodec(DELAY), "rough", "1", DELAY)
    decoder = StretchDecoder(wire)
    return np.concatenate([decoder.decode(wire.format.decode(packet)) for packet in packets(audio)])


def f32(samples: Samples) -> bytes:
    return samples.astype("<f4").tobytes()


def engine(codec: RoughCodec | None = None) -> Engine:
    """Hears tones, speaks tones; with the rough codec, and the voice's own as `own`."""
    tokenizer, synthesiser = fake_tokenizer(), fake_synthesiser()
    codecs = {
        ROUGH: WireCodec.of(codec or RoughCodec(DELAY), ROUGH, "1", DELAY),
        "own": WireCodec.of(synthesiser.codec, "own", "1", 320),
    }
    return Engine(FakeVad(), Recogniser(FakeWhisper(tokenizer), tokenizer), synthesiser, codecs=codecs)
