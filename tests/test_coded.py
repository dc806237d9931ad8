"""Packets of codes: docs/protocol.md says what the code does, and no bytes get past it unnoticed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.coded import MAX_FRAMES, CodecFormat, CodedSound, PacketReader
from voxduct.errors import AudioFormatError, ModelError

PAGE = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()
VECTORS: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"^```json packet\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
]
OWN = CodecFormat("voxduct-codec-16k", "0.1.0", 4, 1024, 320, 320)
LYRA = CodecFormat("lyra-3.2", "v1.3.2", 16, 16, 320)
ODD = CodecFormat("odd", "1", 8, 5, 100)  # three bits that could say 0 to 7
FORMATS = {known.name: known for known in (OWN, LYRA, ODD)}
FIELDS = ("begins", "pause", "skip", "ends", "trim")


def same(one: CodedSound, other: CodedSound) -> bool:
    fields = [[getattr(sound, name) for name in FIELDS] for sound in (one, other)]
    return fields[0] == fields[1] and np.array_equal(one.codes, other.codes)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["packet"]))
def test_page_packet_is_what_the_page_says(vector: dict[str, Any]) -> None:
    known, packet = FORMATS[vector["codec"]], bytes.fromhex(vector["packet"])
    if vector.get("error"):
        with pytest.raises(AudioFormatError, match="this packet was dropped"):
            known.decode(packet)
        return
    sound = CodedSound(np.array(vector["codes"], np.int64), known.frame_size, *(vector[name] for name in FIELDS))
    assert known.encode(sound) == packet
    assert same(known.decode(packet), sound)


def test_page_has_packets_of_both_kinds() -> None:
    assert {vector.get("error", False) for vector in VECTORS} == {True, False}
    assert {vector["codec"] for vector in VECTORS} == {"voxduct-codec-16k", "lyra-3.2"}


@st.composite
def sounds(draw: st.DrawFn, known: CodecFormat) -> CodedSound:
    frames = draw(st.integers(1, MAX_FRAMES))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    codes = rng.integers(0, known.cardinality, (known.books, frames))
    begins, ends = draw(st.booleans()), draw(st.booleans())
    skip = draw(st.integers(0, min(frames * known.frame_size, 0xFFFF))) if begins else 0
    trim = draw(st.integers(0, min(frames * known.frame_size - skip, 0xFFFF))) if ends else 0
    pause = draw(st.integers(0, 0xFFFF)) if begins else 0
    return CodedSound(codes, known.frame_size, begins, pause, skip, ends, trim)


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_packet_round_trips_and_is_as_long_as_it_says(known: CodecFormat, data: st.DataObject) -> None:
    sound = data.draw(sounds(known))
    packet = known.encode(sound)
    assert len(packet) == 2 + 4 * sound.begins + 2 * sound.ends + sound.frames * known.frame_bytes
    assert same(known.decode(packet), sound)
    cut, longer = packet[: data.draw(st.integers(0, len(packet) - 1))], packet + b"\0"
    for wrong in (cut, longer):
        with pytest.raises(AudioFormatError):
            known.decode(wrong)


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_packet_reader_takes_any_bytes_as_one_whole_packet_or_refuses_them(
    known: CodecFormat, data: st.DataObject
) -> None:
    tag = st.sampled_from([b"\xc0", b"\xc1", b"\xc2", b"\xc3", b""])
    noise = st.binary(max_size=60)
    mended = st.builds(lambda tag, rest: tag + rest, tag, noise)
    good = sounds(known).map(known.encode)
    reader, open_ = PacketReader(known), False
    for packet in data.draw(st.lists(st.one_of(noise, mended, good), max_size=8)):
        try:
            sound = reader.read(packet)
        except AudioFormatError as error:
            assert_tellable(error)
            continue
        assert known.encode(sound) == packet, "nothing in it was overlooked"
        assert open_ or sound.begins
        assert sound.size >= 0 and 1 <= sound.frames <= MAX_FRAMES
        assert 0 <= int(sound.codes.min()) <= int(sound.codes.max()) < known.cardinality
        open_ = not sound.ends


def assert_tellable(error: AudioFormatError) -> None:
    assert (error.code, error.param, error.fatal) == ("bad_audio", "audio", False)
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "0 bytes are no packet of voxduct-codec-16k"),
        (bytes(640), "640 bytes are no packet"),
        (b"\xc4\x01" + bytes(5), "begin with 0xC0 to 0xC3"),
        (b"\xc0\x00", "0 code frames; one has 1 to 100"),
        (b"\xc0\x65" + bytes(505), "101 code frames"),
        (b"\xc0\x02" + bytes(9), "is cut off: 2 code frames of voxduct-codec-16k make 12 bytes, not 11"),
        (b"\xc1\x01\x00\x00", "is cut off"),
        (b"\xc0\x02" + bytes(11), "is too long"),
        (b"\xc1\x01\x00\x00\x01\x41" + bytes(5), "drops 321 \\+ 0 samples and has 320"),
    ],
)
def test_packet_refused_says_what_is_wrong_with_it(packet: bytes, why: str) -> None:
    with pytest.raises(AudioFormatError, match=why):
        OWN.decode(packet)


def test_packet_of_codes_that_the_codec_has_not_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="the code 7; odd has 0 to 4"):
        ODD.decode(b"\xc0\x01\xff\xff\xff")


def test_packet_that_goes_on_with_nothing_is_refused_and_a_beginning_is_taken_after_it() -> None:
    reader = PacketReader(OWN)
    going_on, begin, end = b"\xc0\x01" + bytes(5), b"\xc1\x01" + bytes(9), b"\xc2\x01" + bytes(7)
    for packets in ([going_on], [begin, end, going_on], [end]):
        reader = PacketReader(OWN)
        with pytest.raises(AudioFormatError, match="must begin a stretch"):
            [reader.read(packet) for packet in packets]
        assert reader.read(begin).begins
        assert not reader.read(going_on).begins


def test_format_of_frames_that_are_no_whole_bytes_is_refused() -> None:
    with pytest.raises(ModelError, match="whole bytes"):
        CodecFormat("three", "1", 3, 1024, 320)
    with pytest.raises(ModelError, match="short lag"):
        CodecFormat("slow", "1", 4, 1024, 320, 321)
