"""Codes in a file: a line of JSON that says what they are, then the codes, frame by frame, with no bit unused.

{"format": "voxduct-codes", "version": 1, "books": 4, "frames": 150, "cardinality": 1024, ...}, a newline, then
book 0 of frame 0, book 1 of frame 0, ...      each in as many bits as the cardinality needs, high bit first

`books` counts the codes of one frame. Where books have several codes in a frame, `rates` says how many each has, and
they lie one after the other: with rates [1, 2, 4] seven codes, of which the last four are of the third book, in order
of time. What has its default is left out of the line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from voxduct.codec.description import CodecDescription, code_bits
from voxduct.errors import AudioFormatError
from voxduct.models import Ints

FORMAT, VERSION = "voxduct-codes", 1
MAX_FRAMES = 50 * 3600 * 24  # a day
MAX_CARDINALITY = 1 << 31
MAX_BOOKS = 1024


class _Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    format: str
    version: int
    books: int
    frames: int
    cardinality: int
    sample_rate: int
    frame_size: int
    samples: int
    codec: str = ""
    rates: tuple[int, ...] = ()
    stretches: int = 1
    scales: tuple[float, ...] = ()

    def makes_sense(self) -> bool:
        """Whether there can be such codes."""
        counts = (
            1 <= self.books <= MAX_BOOKS and 0 <= self.frames <= MAX_FRAMES and 2 <= self.cardinality <= MAX_CARDINALITY
        )
        sound = self.sample_rate >= 1 and self.frame_size >= 1 and self.samples >= 0
        rates = not self.rates or (min(self.rates) >= 1 and sum(self.rates) == self.books)
        stretches = self.stretches >= 1 and self.frames % self.stretches == 0
        scales = len(self.scales) in (0, self.stretches) and all(math.isfinite(scale) for scale in self.scales)
        return counts and sound and rates and stretches and scales


@dataclass(frozen=True, slots=True, eq=False)
class PackedCodes:
    """Codes, and what is needed to make them sound."""

    codes: Ints
    """Shape [codes of a frame, frames]."""
    cardinality: int
    sample_rate: int
    frame_size: int
    samples: int
    """Samples of the sound that was encoded; decoding cuts what padding added."""
    codec: str = ""
    """The codec's family; empty: the embedded one."""
    rates: tuple[int, ...] = ()
    """Codes that each book has in one frame; empty: one each."""
    stretches: int = 1
    """Equal stretches of frames that the codec looked at one by one."""
    scales: tuple[float, ...] = ()
    """By how much each stretch was divided before it was encoded; empty: by nothing."""

    @property
    def description(self) -> CodecDescription:
        """The codec that made them, as far as the file says."""
        rates = self.rates or (1,) * self.codes.shape[0]
        return CodecDescription(self.codec, self.sample_rate, self.frame_size, self.cardinality, rates)


def pack(packed: PackedCodes) -> bytes:
    """The bytes of a file; raises AudioFormatError when there are codes outside the cardinality."""
    codes = packed.codes
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < packed.cardinality:
        raise AudioFormatError(f"there are codes outside 0 to {packed.cardinality - 1}; they are of another codec")
    books, frames = codes.shape
    header = _Header(
        format=FORMAT,
        version=VERSION,
        books=books,
        frames=frames,
        cardinality=packed.cardinality,
        sample_rate=packed.sample_rate,
        frame_size=packed.frame_size,
        samples=packed.samples,
        codec=packed.codec,
        rates=packed.rates,
        stretches=packed.stretches,
        scales=packed.scales,
    )
    width = code_bits(packed.cardinality)
    bits = (codes.T.reshape(-1, 1) >> np.arange(width - 1, -1, -1)) & 1
    return msgspec.json.encode(header) + b"\n" + np.packbits(bits.astype(np.uint8)).tobytes()


def unpack(data: bytes) -> PackedCodes:
    """What `pack` wrote; raises AudioFormatError when it is something else, or cut off."""
    line, _, body = data.partition(b"\n")
    header = _read_header(line)
    codes = _read_codes(body, header)
    return PackedCodes(
        codes,
        header.cardinality,
        header.sample_rate,
        header.frame_size,
        header.samples,
        header.codec,
        header.rates,
        header.stretches,
        header.scales,
    )


def _read_header(line: bytes) -> _Header:
    try:
        header = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AudioFormatError("not a file of codes; make one with `voxduct codec encode`") from error
    if header.format != FORMAT or header.version != VERSION:
        raise AudioFormatError(f"codes of format {header.format} {header.version} are not known here")
    if not header.makes_sense():
        raise AudioFormatError("the header of the codes makes no sense; encode the sound again")
    return header


def _read_codes(body: bytes, header: _Header) -> Ints:
    width, count = code_bits(header.cardinality), header.books * header.frames
    if len(body) != -(-count * width // 8):
        raise AudioFormatError("the file of codes is cut off; encode the sound again")
    bits = np.unpackbits(np.frombuffer(body, np.uint8))[: count * width].reshape(count, width).astype(np.int64)
    codes: Ints = (bits << np.arange(width - 1, -1, -1)).sum(axis=1).reshape(header.frames, header.books).T
    if codes.size and int(codes.max()) >= header.cardinality:
        raise AudioFormatError("the codes are out of range; encode the sound again")
    return codes
