from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_speaking import BOOKS, FakeCodec
from voxduct.codec.fewer_books import FewerBooks, rates_kbps
from voxduct.codec.stream import decode_all, encode_all
from voxduct.errors import AudioFormatError

NOISE = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
NEUTRAL = np.array([9, 7, 5, 3])


@pytest.mark.parametrize("books", range(1, BOOKS + 1))
def test_fewer_books_are_the_first_ones_and_decode_as_if_the_others_said_nothing(books: int) -> None:
    whole, coarse = FakeCodec(), FewerBooks(FakeCodec(), books, NEUTRAL)
    codes = encode_all(NOISE, whole, 320)
    sent = encode_all(NOISE, coarse, 320)
    assert coarse.num_codebooks == books and np.array_equal(sent, codes[:books])
    codes[books:] = NEUTRAL[books:, None]
    assert np.array_equal(decode_all(sent, coarse, 320), decode_all(codes, whole, 320))


@pytest.mark.parametrize("books", [0, BOOKS + 1])
def test_fewer_books_than_one_or_more_than_there_are_raise_audio_format_error(books: int) -> None:
    with pytest.raises(AudioFormatError, match="1 to 4 books"):
        FewerBooks(FakeCodec(), books, NEUTRAL)


def test_rates_of_a_codec_are_as_many_as_its_books() -> None:
    assert rates_kbps(FakeCodec()) == [0.3, 0.6, 0.9, 1.2]  # six bits a code, fifty frames a second
