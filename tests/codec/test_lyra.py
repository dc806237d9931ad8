"""Lyra's packets: the layout, bit by bit, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct.codec.lyra import Rate, pack, pack_stream, unpack, unpack_stream
from voxduct.errors import AudioFormatError

rates = st.sampled_from(list(Rate))


@st.composite
def frames(draw: st.DrawFn) -> tuple[Rate, np.ndarray]:
    """A rate, and codes of some frames of it."""
    rate = draw(rates)
    count = draw(st.integers(0, 5))
    codes = draw(st.lists(st.integers(0, 15), min_size=count * rate.value // 4, max_size=count * rate.value // 4))
    return rate, np.array(codes, np.int64).reshape(rate.num_quantizers, count)


def as_lyra_packs(codes: np.ndarray) -> bytes:
    """What residual_vector_quantizer.cc and packet.h do, with one big number for their bitsets."""
    bits, count = 0, len(codes)
    for index, code in enumerate(codes):
        bits |= int(code) << (count - index - 1) * 4
    shifts = range(count * 4 - 8, -1, -8)
    return bytes(bits >> shift & 0xFF for shift in shifts)


@pytest.mark.parametrize(
    ("rate", "kbps", "quantizers", "size"),
    [(Rate.KBPS_3_2, 3.2, 16, 8), (Rate.KBPS_6, 6, 30, 15), (Rate.KBPS_9_2, 9.2, 46, 23)],
)
def test_rate_has_lyras_numbers(rate: Rate, kbps: float, quantizers: int, size: int) -> None:
    assert (rate.kbps, rate.num_quantizers, rate.packet_bytes) == (kbps, quantizers, size)
    assert Rate.of_kbps(kbps) is rate and Rate.of_packet(size) is rate


def test_pack_puts_the_first_quantizer_first() -> None:
    assert pack(np.arange(16)) == bytes.fromhex("0123456789abcdef")


@given(frames())
def test_pack_lays_bits_as_lyra_does(some: tuple[Rate, np.ndarray]) -> None:
    for codes in some[1].T:
        assert pack(codes) == as_lyra_packs(codes)


@given(frames())
def test_unpack_gives_back_what_was_packed(some: tuple[Rate, np.ndarray]) -> None:
    rate, codes = some
    for frame in codes.T:
        assert unpack(pack(frame)).tolist() == unpack(pack(frame), rate).tolist() == frame.tolist()


@given(rates, st.data())
def test_pack_gives_back_any_bytes_that_were_unpacked(rate: Rate, data: st.DataObject) -> None:
    packet = data.draw(st.binary(min_size=rate.packet_bytes, max_size=rate.packet_bytes))
    assert pack(unpack(packet)) == packet


@given(frames())
def test_stream_is_packets_one_after_the_other(some: tuple[Rate, np.ndarray]) -> None:
    rate, codes = some
    data = pack_stream(codes)
    assert data == b"".join(pack(frame) for frame in codes.T)
    assert np.array_equal(unpack_stream(data, rate), codes)


@given(st.binary(max_size=64).filter(lambda data: len(data) not in (8, 15, 23)))
def test_unpack_of_another_length_raises_audio_format_error(packet: bytes) -> None:
    with pytest.raises(AudioFormatError, match=f"{len(packet)} bytes"):
        unpack(packet)


@pytest.mark.parametrize("length", [0, 14, 16, 23])
def test_unpack_at_a_rate_refuses_shorter_and_longer_packets(length: int) -> None:
    with pytest.raises(AudioFormatError, match="at 6 kbit/s one has 15"):
        unpack(bytes(length), Rate.KBPS_6)


def test_unpack_stream_that_was_cut_off_raises_audio_format_error() -> None:
    with pytest.raises(AudioFormatError, match="7 remain"):
        unpack_stream(bytes(8 * 3 + 7), Rate.KBPS_3_2)


@pytest.mark.parametrize("kbps", [0, 3, 3.21, 16, float("nan")])
def test_rate_of_other_kbps_raises_audio_format_error(kbps: float) -> None:
    with pytest.raises(AudioFormatError, match=r"3\.2, 6, 9\.2"):
        Rate.of_kbps(kbps)


@pytest.mark.parametrize("codes", [np.zeros(15, int), np.zeros((16, 1), int), np.full(16, 16), np.full(16, -1)])
def test_pack_of_no_codes_of_a_frame_raises_audio_format_error(codes: np.ndarray) -> None:
    with pytest.raises(AudioFormatError):
        pack(codes)
