"""Samples to stretches of codes and back: what was fed comes back in its place, however it was cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_coded import PlainCodec
from tests.fakes_speaking import FakeCodec
from voxduct.audio import Samples
from voxduct.codec.stretches import SpeechDecoder, StretchDecoder, StretchEncoder, WireCodec
from voxduct.coded import MAX_FRAMES, CodedSound
from voxduct.errors import ModelError
from voxduct.loudness import FADE


def plain(delay: int) -> WireCodec:
    return WireCodec.of(PlainCodec(delay), "plain", "1", delay)


def encoded(encoder: StretchEncoder, samples: Samples, cuts: list[int]) -> list[CodedSound]:
    pieces = np.split(samples, sorted({cut % (len(samples) + 1) for cut in cuts}))
    return [sound for piece in pieces for sound in encoder.feed(piece)] + encoder.end()


def noise(size: int, seed: int = 0) -> Samples:
    return (np.random.default_rng(seed).integers(-900, 900, size) / 1000).astype(np.float32)


@pytest.mark.parametrize("delay", [0, 17, 320])
@settings(max_examples=40, deadline=None)
@given(size=st.integers(0, 3000), cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_stretch_decoded_is_what_was_fed_to_the_sample(delay: int, size: int, cuts: list[int]) -> None:
    encoder, decoder = StretchEncoder(plain(delay), pause=7), StretchDecoder(plain(delay))
    first, second = noise(size), noise(100, seed=1)
    sounds = encoded(encoder, first, cuts)
    sounds += encoded(encoder, second, [])
    heard = [decoder.decode(plain(delay).format.decode(plain(delay).format.encode(sound))) for sound in sounds]
    assert [len(samples) for samples in heard] == [sound.size for sound in sounds]
    silence = np.zeros(7, np.float32)
    assert np.allclose(np.concatenate(heard), np.concatenate([silence, first, second]), atol=1e-6)


def test_stretch_longer_than_a_packet_is_sent_in_several_and_begins_and_ends_once() -> None:
    sounds = encoded(StretchEncoder(plain(320)), noise(320 * (MAX_FRAMES + 20) + 3), [])
    assert [sound.begins for sound in sounds] == [True, False, False]
    assert [sound.ends for sound in sounds] == [False, False, True]
    assert max(sound.frames for sound in sounds) == MAX_FRAMES


def test_stretch_without_samples_is_nothing() -> None:
    encoder = StretchEncoder(plain(320))
    assert encoder.feed(np.zeros(0, np.float32)) == [] and encoder.end() == []


def test_speech_is_limited_and_each_stretch_faded_in_however_it_is_cut() -> None:
    codec = plain(320)
    loud = np.ones(2 * FADE + 1, np.float32)
    for cuts in ([], [1, 50, 100]):
        encoder, decoder = StretchEncoder(codec, pause=5), SpeechDecoder(codec)
        sounds = encoded(encoder, loud, cuts) + encoded(encoder, loud, cuts)
        speech = np.concatenate([decoder.decode(sound) for sound in sounds])
        ramp = np.minimum(np.arange(len(loud)) / FADE, 1) * (0.8 + 0.2 * np.tanh(1.0))
        assert np.allclose(speech, np.concatenate([np.zeros(5), ramp, ramp]), atol=1e-6)


def test_codec_of_another_rate_is_refused() -> None:
    codec = FakeCodec()
    codec.sample_rate = 24_000
    with pytest.raises(ModelError, match="24000 Hz"):
        WireCodec.of(codec, "fast", "1")
