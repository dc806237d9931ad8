from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_speaking import BOOKS, FakeCodec
from voxduct.codec.packed import PackedCodes, pack, unpack
from voxduct.codec.stream import CodecDecoderStream, CodecEncoderStream, decode_all, encode_all
from voxduct.errors import AudioFormatError

NOISE = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)


def encode_in_pieces(sizes: list[int]) -> np.ndarray:
    stream, at, found, turn = CodecEncoderStream(FakeCodec()), 0, [], 0
    while at < len(NOISE):
        size = sizes[turn % len(sizes)]
        found.append(stream.feed(NOISE[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate([*found, stream.flush(320)], axis=1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 1500), min_size=1, max_size=8))
def test_encoder_stream_any_chunks_gives_the_same_codes(sizes: list[int]) -> None:
    assert np.array_equal(encode_in_pieces(sizes), encode_all(NOISE, FakeCodec(), 320))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=8).filter(any))
def test_decoder_stream_any_chunks_gives_the_same_samples(sizes: list[int]) -> None:
    codes = encode_all(NOISE, FakeCodec(), 320)
    stream, at, found, turn = CodecDecoderStream(FakeCodec(), 320), 0, [], 0
    while at < codes.shape[1]:
        size = sizes[turn % len(sizes)]
        found.append(stream.feed(codes[:, at : at + size]))
        at, turn = at + size, turn + 1
    assert np.array_equal(np.concatenate(found), decode_all(codes, FakeCodec(), 320))


@pytest.mark.parametrize("count", [1, 319, 320, 321, 640, 5000])
def test_encode_all_with_delay_decodes_to_no_less_than_was_given(count: int) -> None:
    samples = decode_all(encode_all(NOISE[:count], FakeCodec(), 320), FakeCodec(), 320)
    assert count <= len(samples) < count + 320


def test_encoder_stream_no_samples_gives_no_frames() -> None:
    stream = CodecEncoderStream(FakeCodec())
    assert stream.feed(np.zeros(0, np.float32)).shape == (BOOKS, 0)
    assert stream.flush().shape == (BOOKS, 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(0, 40), st.sampled_from([2, 16, 1000, 1024]), st.integers(0, 2**32 - 1))
def test_pack_any_codes_unpacks_to_the_same(books: int, frames: int, cardinality: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, cardinality, (books, frames))
    found = unpack(pack(PackedCodes(codes, cardinality, 16000, 320, frames * 320)))
    assert np.array_equal(found.codes, codes)
    assert (found.cardinality, found.sample_rate, found.frame_size) == (cardinality, 16000, 320)


def test_pack_four_books_of_1024_takes_forty_bits_a_frame() -> None:
    codes = np.zeros((4, 100), np.int64)
    _, _, body = pack(PackedCodes(codes, 1024, 16000, 320, 32000)).partition(b"\n")
    assert len(body) == 500


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"RIFF" + d, lambda d: b""])
def test_unpack_damaged_bytes_raises_audio_format_error(damage: object) -> None:
    data = pack(PackedCodes(np.ones((4, 9), np.int64), 1024, 16000, 320, 2880))
    with pytest.raises(AudioFormatError):
        unpack(damage(data))  # type: ignore[operator]
