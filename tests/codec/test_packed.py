"""Files of codes: any codes come back, and whatever is damaged is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.codec.clip import check_codes
from voxduct.codec.description import CodecDescription
from voxduct.codec.packed import PackedCodes, pack, unpack
from voxduct.errors import AudioFormatError
from voxduct.onnx.codecs.graph import Port
from voxduct.onnx.codecs.tensors import join, split

RATES = st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=6).map(tuple)
SNAC = PackedCodes(np.arange(21).reshape(7, 3), 4096, 24_000, 2048, 6000, codec="snac", rates=(1, 2, 4))


@st.composite
def packed_codes(draw: st.DrawFn) -> PackedCodes:
    rates, stretches = draw(RATES), draw(st.integers(1, 3))
    frames, cardinality = (
        stretches * draw(st.integers(0, 9)),
        draw(st.sampled_from([2, 3, 64, 1000, 1024, 4096, 2**20])),
    )
    seed = draw(st.integers(0, 2**32 - 1))
    codes = np.random.default_rng(seed).integers(0, cardinality, (sum(rates), frames))
    scales = draw(st.one_of(st.just(()), st.tuples(*[st.floats(0, 1e6)] * stretches)))
    family, samples = draw(st.sampled_from(["", "dac", "snac"])), draw(st.integers(0, 10**9))
    return PackedCodes(codes, cardinality, 24_000, 320, samples, family, rates, stretches, scales)


@settings(max_examples=60, deadline=None)
@given(packed_codes())
def test_pack_any_codec_unpacks_to_the_same(packed: PackedCodes) -> None:
    found = unpack(pack(packed))
    assert np.array_equal(found.codes, packed.codes) and found.codes.dtype == np.int64
    assert vars_of(found) == vars_of(packed)
    assert found.description.codes_per_frame == len(packed.codes)


def vars_of(packed: PackedCodes) -> dict[str, object]:
    return {name: getattr(packed, name) for name in packed.__slots__ if name != "codes"}


@settings(max_examples=60, deadline=None)
@given(packed_codes())
def test_pack_any_codec_takes_no_bit_too_many(packed: PackedCodes) -> None:
    _, _, body = pack(packed).partition(b"\n")
    width = int(np.ceil(np.log2(packed.cardinality)))
    assert len(body) == -(-packed.codes.size * width // 8)


@settings(max_examples=60, deadline=None)
@given(packed_codes(), st.integers(1, 40))
def test_unpack_any_file_that_was_cut_off_raises_audio_format_error(packed: PackedCodes, missing: int) -> None:
    data = pack(packed)
    if packed.codes.size:  # else there is nothing behind the header to cut
        with pytest.raises(AudioFormatError):
            unpack(data[:-missing])


@settings(max_examples=60, deadline=None)
@given(RATES, st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_codes_of_any_rates_go_to_tensors_and_back(rates: tuple[int, ...], frames: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 64, (sum(rates), frames))
    if len(rates) == 1:
        rates = (1,) * len(codes)
        ports = [Port("codes", (None, len(codes), None), np.dtype(np.int64))]
    else:
        ports = [Port(f"codes.{index}", (None, None), np.dtype(np.int32)) for index in range(len(rates))]
    tensors = split(codes, 1, ports, rates)
    assert [tensor.dtype for tensor in tensors] == [port.dtype for port in ports]
    found, stretches = join(tensors, rates)
    assert np.array_equal(found, codes) and stretches == 1


@pytest.mark.parametrize("shape", [(None, None, 4, None), (2, 1, 4, 3)])
def test_codes_in_stretches_go_to_a_tensor_and_back(shape: tuple[int | None, ...]) -> None:
    codes = np.arange(24).reshape(4, 6)
    (tensor,) = split(codes, 2, [Port("codes", shape, np.dtype(np.int64))], (1,) * 4)
    assert tensor.shape == (2, 1, 4, 3) and tensor[1, 0, 0].tolist() == [3, 4, 5]
    found, stretches = join([tensor], (1,) * 4)
    assert np.array_equal(found, codes) and stretches == 2


@pytest.mark.parametrize("change", [
    {"rates": [1, 2]}, {"rates": [1, 6, 0]}, {"stretches": 2}, {"stretches": 0}, {"scales": [1.0, 2.0]}, {"frames": -1},
    {"books": 10**9, "frames": 0, "rates": []}, {"sample_rate": 0}, {"frame_size": 0}, {"samples": -1},
    {"cardinality": 1}, {"cardinality": 2**70}, {"version": 2}, {"format": "other"}, {"scales": "loud"},
])  # fmt: skip
def test_unpack_header_that_makes_no_sense_raises_audio_format_error(change: dict[str, object]) -> None:
    line, _, body = pack(SNAC).partition(b"\n")
    header = {**json.loads(line), **change}
    with pytest.raises(AudioFormatError):
        unpack(json.dumps(header).encode() + b"\n" + body)


@pytest.mark.parametrize("wrong", [-1, 4096])
def test_pack_codes_out_of_range_raises_audio_format_error(wrong: int) -> None:
    with pytest.raises(AudioFormatError, match="outside 0 to 4095"):
        pack(replace(SNAC, codes=np.full((7, 1), wrong)))


def test_unpack_codes_out_of_range_raises_audio_format_error() -> None:
    data = pack(replace(SNAC, cardinality=4096, codes=np.full((7, 1), 4095)))
    with pytest.raises(AudioFormatError, match="out of range"):
        unpack(data.replace(b'"cardinality":4096', b'"cardinality":4000'))


def test_files_of_one_code_a_frame_and_book_have_nothing_new_in_their_header() -> None:
    line, _, _ = pack(PackedCodes(np.zeros((4, 2), np.int64), 1024, 16_000, 320, 640)).partition(b"\n")
    assert set(json.loads(line)) == {
        "format", "version", "books", "frames", "cardinality", "sample_rate", "frame_size", "samples",
    }  # fmt: skip


@pytest.mark.parametrize(("change", "wanted"), [
    ({"codec": "dac"}, "codec: dac, not snac"),
    ({"rates": (1, 3, 3)}, "books: at rates 1:3:3, not at rates 1:2:4"),
    ({"rates": (), "codes": np.zeros((4, 1), np.int64)}, "books: 4, not at rates 1:2:4"),
    ({"cardinality": 1024}, "cardinality: 1024, not 4096"),
    ({"sample_rate": 16_000}, "sample rate: 16000, not 24000"),
    ({"frame_size": 320}, "samples of a frame: 320, not 2048"),
    ({"codes": np.full((7, 1), 4096)}, "outside 0 to 4095"),
])  # fmt: skip
def test_check_codes_of_another_codec_says_what_differs(change: dict[str, object], wanted: str) -> None:
    with pytest.raises(AudioFormatError, match=wanted):
        check_codes(replace(SNAC, **change), SNAC.description)  # type: ignore[arg-type]


@pytest.mark.parametrize(("sample_rate", "frame_size", "cardinality", "rates", "kbps"), [
    (16_000, 320, 1024, (1,) * 4, 2.0),  # the embedded one
    (24_000, 320, 1024, (1,) * 8, 6.0),  # EnCodec 24 kHz
    (24_000, 1920, 2048, (1,) * 8, 1.1),  # Mimi with eight books
    (24_000, 2048, 4096, (1, 2, 4), 0.984),  # SNAC 24 kHz
    (24_000, 320, 4096, (1,), 0.9),  # WavTokenizer, 75 tokens a second
    (44_100, 512, 1024, (1,) * 9, 7.752),  # DAC 44 kHz
])  # fmt: skip
def test_kbps_is_what_the_makers_say(
    sample_rate: int, frame_size: int, cardinality: int, rates: tuple[int, ...], kbps: float
) -> None:
    about = CodecDescription("codec", sample_rate, frame_size, cardinality, rates)
    assert about.kbps == pytest.approx(kbps, abs=5e-4)
