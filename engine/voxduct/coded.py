"""What sound is as codes, and how bytes become it: packets of a neural codec's code frames.

Sound comes in stretches. A stretch is what one encoder made from a fresh state; whoever decodes it begins with a fresh
state as well. A packet holds some whole code frames of a stretch. Normative text and vectors: docs/protocol.md.

    byte 0      0xC0, plus 1 where a stretch begins, plus 2 where one ends
    byte 1      code frames, 1 to 100
    2 x 2       where one begins: samples of silence before it, decoded samples at its start that are no sound
    2           where one ends: decoded samples at its end that are no sound
    the rest    the codes: book 0 of frame 0, book 1 of frame 0, ..., each high bit first, no bit unused

Numbers of two bytes are unsigned, the high byte first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxduct.errors import AudioFormatError, ModelError

MAX_FRAMES = 100  # code frames of a packet: what a few bytes can make the receiver compute is bounded
TAG, BEGINS, ENDS = 0xC0, 1, 2
HEADER_BYTES = 2
MAX_SAMPLES = 0xFFFF  # what two bytes can say

Codes = npt.NDArray[np.int64]  # shape [books, frames]


@dataclass(frozen=True, slots=True, eq=False)
class CodedSound:
    """Some code frames of a stretch, and what of their decoded samples is sound."""

    codes: Codes
    frame_size: int
    """Samples of one frame."""
    begins: bool = False
    pause: int = 0
    """Samples of silence before the stretch; 0 unless it begins here."""
    skip: int = 0
    """Decoded samples that are dropped at the stretch's start; 0 unless it begins here."""
    ends: bool = False
    trim: int = 0
    """Decoded samples that are dropped at the stretch's end; 0 unless it ends here."""

    @property
    def frames(self) -> int:
        """Code frames."""
        frames: int = self.codes.shape[1]
        return frames

    @property
    def size(self) -> int:
        """Samples of sound and of the pause: by so many the stream's position moves on."""
        return self.pause + self.frames * self.frame_size - self.skip - self.trim


@dataclass(frozen=True, slots=True)
class CodecFormat:
    """A codec as far as its packets are concerned; 16 kHz. Both sides must have the same version of it.

    Raises:
        ModelError: code frames that are no whole bytes, or a decoder that lags by more than a frame.
    """

    name: str
    version: str
    books: int
    cardinality: int
    frame_size: int
    """Samples of one frame."""
    delay_samples: int = 0
    """By how much decoded samples lag behind those that were encoded."""

    def __post_init__(self) -> None:
        if self.books * self.code_bits % 8 or not 0 <= self.delay_samples <= self.frame_size <= MAX_SAMPLES // 2:
            raise ModelError(f"{self.name} cannot be sent in packets: they need frames of whole bytes and a short lag")

    @property
    def code_bits(self) -> int:
        """Bits of one code."""
        return (self.cardinality - 1).bit_length()

    @property
    def frame_bytes(self) -> int:
        """Bytes of one code frame."""
        return self.books * self.code_bits // 8

    def encode(self, sound: CodedSound) -> bytes:
        """The packet of 1 to `MAX_FRAMES` code frames."""
        header = [struct.pack(">BB", TAG | BEGINS * sound.begins | ENDS * sound.ends, sound.frames)]
        if sound.begins:
            header.append(struct.pack(">HH", sound.pause, sound.skip))
        if sound.ends:
            header.append(struct.pack(">H", sound.trim))
        bits = (sound.codes.T.reshape(-1, 1) >> np.arange(self.code_bits - 1, -1, -1)) & 1
        return b"".join([*header, np.packbits(bits.astype(np.uint8)).tobytes()])

    def decode(self, data: bytes) -> CodedSound:
        """What `encode` wrote.

        Raises:
            AudioFormatError: no packet, one of another length than it says, or codes that this codec does not have.
        """
        if len(data) < HEADER_BYTES or data[0] & ~(BEGINS | ENDS) != TAG:
            raise _refusal(f"{len(data)} bytes are no packet of {self.name}: those begin with 0xC0 to 0xC3")
        begins, ends, frames = bool(data[0] & BEGINS), bool(data[0] & ENDS), data[1]
        if not 1 <= frames <= MAX_FRAMES:
            raise _refusal(f"a packet of {frames} code frames; one has 1 to {MAX_FRAMES}")
        start = HEADER_BYTES + 4 * begins + 2 * ends
        wanted = start + frames * self.frame_bytes
        if len(data) != wanted:
            what = "is cut off" if len(data) < wanted else "is too long"
            raise _refusal(f"a packet {what}: {frames} code frames of {self.name} make {wanted} bytes, not {len(data)}")
        numbers = struct.unpack(f">{(start - HEADER_BYTES) // 2}H", data[HEADER_BYTES:start])
        pause, skip = numbers[:2] if begins else (0, 0)
        trim = numbers[-1] if ends else 0
        if skip + trim > frames * self.frame_size:
            raise _refusal(f"a packet drops {skip} + {trim} samples and has {frames * self.frame_size}")
        return CodedSound(self._codes(data[start:]), self.frame_size, begins, pause, skip, ends, trim)

    def _codes(self, data: bytes) -> Codes:
        width = self.code_bits
        bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, width).astype(np.int64)
        codes: Codes = (bits << np.arange(width - 1, -1, -1)).sum(axis=1).reshape(-1, self.books).T
        if int(codes.max()) >= self.cardinality:
            raise _refusal(f"a packet has the code {codes.max()}; {self.name} has 0 to {self.cardinality - 1}")
        return codes


class PacketReader:
    """The packets of one stream, in order; what is refused changes nothing."""

    def __init__(self, audio_format: CodecFormat) -> None:
        self._format = audio_format
        self._open = False

    def read(self, data: bytes) -> CodedSound:
        """The next packet; raises AudioFormatError when it is none, or goes on with a stretch that never began."""
        sound = self._format.decode(data)
        if not self._open and not sound.begins:
            raise _refusal("a packet goes on with nothing: the first one, and one after an end, must begin a stretch")
        self._open = not sound.ends
        return sound


def _refusal(message: str) -> AudioFormatError:
    return AudioFormatError(f"{message}; this packet was dropped", param="audio")
