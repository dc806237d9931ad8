from __future__ import annotations

from pathlib import Path

import pytest

from voxduct.bench.ogg import packet_sizes
from voxduct.errors import AudioFormatError

CLIP = Path(__file__).parents[2] / "benchmarks" / "data" / "demo" / "demo-00.opus"


def page(*segments: int) -> bytes:
    return b"OggS" + bytes(22) + bytes([len(segments), *segments]) + bytes(sum(segments))


def test_packet_sizes_of_pages_join_what_goes_on_in_the_next() -> None:
    assert packet_sizes(page(19) + page(30, 255, 255) + page(10, 255, 0)) == [19, 30, 520, 255]


def test_packet_sizes_of_an_opus_file_begin_with_its_header() -> None:
    sizes = packet_sizes(CLIP.read_bytes())
    assert sizes[0] == 19 and sum(sizes) < CLIP.stat().st_size


@pytest.mark.parametrize("data", [b"RIFF", page(255), page(30)[:-1], page(3) + b"x"])
def test_packet_sizes_of_no_whole_ogg_raise_audio_format_error(data: bytes) -> None:
    with pytest.raises(AudioFormatError):
        packet_sizes(data)
