"""Codes in a file: a line of JSON that says what they are, then the codes, frame by frame, with no bit unused.

{"format": "voxduct-codes", "version": 1, "books": 4, "frames": 150, "cardinality": 1024, ...}, a newline, then
book 0 of frame 0, book 1 of frame 0, ...      each in as many bits as the cardinality needs, high bit first
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from voxduct.errors import AudioFormatError
from voxduct.models import Ints

FORMAT, VERSION = "voxduct-codes", 1
MAX_FRAMES = 50 * 3600 * 24  # a day


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    books: int
    frames: int
    cardinality: int
    sample_rate: int
    frame_size: int
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class PackedCodes:
    """Codes, and what is needed to make them sound."""

    codes: Ints
    """Shape [books, frames]."""
    cardinality: int
    sample_rate: int
    frame_size: int
    samples: int
    """Samples of the sound that was encoded; decoding cuts what padding added."""


def pack(packed: PackedCodes) -> bytes:
    """The bytes of a file."""
    books, frames = packed.codes.shape
    header = _Header(
        format=FORMAT,
        version=VERSION,
        books=books,
        frames=frames,
        cardinality=packed.cardinality,
        sample_rate=packed.sample_rate,
        frame_size=packed.frame_size,
        samples=packed.samples,
    )
    width = _width(packed.cardinality)
    flat = packed.codes.T.reshape(-1, 1)
    bits = (flat >> np.arange(width - 1, -1, -1)) & 1
    return msgspec.json.encode(header) + b"\n" + np.packbits(bits.astype(np.uint8)).tobytes()


def unpack(data: bytes) -> PackedCodes:
    """What `pack` wrote; raises AudioFormatError when it is something else, or cut off."""
    line, _, body = data.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AudioFormatError("not a file of codes; make one with `voxduct codec encode`") from error
    if header.format != FORMAT or header.version != VERSION:
        raise AudioFormatError(f"codes of format {header.format} {header.version} are not known here")
    if header.books < 1 or header.cardinality < 2 or not 0 <= header.frames <= MAX_FRAMES:
        raise AudioFormatError("the header of the codes makes no sense; encode the sound again")
    width, count = _width(header.cardinality), header.books * header.frames
    if len(body) != -(-count * width // 8):
        raise AudioFormatError("the file of codes is cut off; encode the sound again")
    bits = np.unpackbits(np.frombuffer(body, np.uint8))[: count * width].reshape(count, width).astype(np.int64)
    codes = (bits << np.arange(width - 1, -1, -1)).sum(axis=1).reshape(header.frames, header.books).T
    if codes.size and int(codes.max()) >= header.cardinality:
        raise AudioFormatError("the codes are out of range; encode the sound again")
    return PackedCodes(codes, header.cardinality, header.sample_rate, header.frame_size, header.samples)


def _width(cardinality: int) -> int:
    """Bits of one code."""
    return (cardinality - 1).bit_length()
