"""Lyra's packets, bit for bit: the codes of one 20-ms frame and nothing else.

The rate follows from a packet's length. There is no header (kNumHeaderBits is 0); the first quantizer's four bits are
the most significant of the first byte. Source: google/lyra 1.3, lyra/packet.h (Pack, UnpackFeatures),
lyra/residual_vector_quantizer.cc (Quantize, DecodeToLossyFeatures) and lyra/lyra_config.h (GetPacketSize).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import numpy as np

from voxduct.errors import AudioFormatError
from voxduct.models import Ints

FRAME_RATE = 50  # packets a second
CODE_BITS = 4
CODES = 1 << CODE_BITS


class Rate(Enum):
    """Bits of a packet; the only three that Lyra knows."""

    KBPS_3_2 = 64
    KBPS_6 = 120
    KBPS_9_2 = 184

    @property
    def num_quantizers(self) -> int:
        """Codes of a frame: 16, 30 or 46."""
        return self.value // CODE_BITS

    @property
    def packet_bytes(self) -> int:
        """8, 15 or 23."""
        return self.value // 8

    @property
    def kbps(self) -> float:
        """Thousands of bits a second."""
        return self.value * FRAME_RATE / 1000

    @classmethod
    def of_kbps(cls, kbps: float) -> Rate:
        """The rate of so many thousand bits a second; raises AudioFormatError when there is none."""
        for rate in cls:
            if rate.kbps == kbps:
                return rate
        raise AudioFormatError(f"Lyra has no {kbps:g} kbit/s; it has {_known()}", param="kbps")

    @classmethod
    def of_packet(cls, length: int) -> Rate:
        """The rate whose packets have so many bytes; raises AudioFormatError when there is none."""
        for rate in cls:
            if rate.packet_bytes == length:
                return rate
        sizes = ", ".join(str(rate.packet_bytes) for rate in cls)
        raise AudioFormatError(f"a packet of {length} bytes is not Lyra's; those have {sizes}")


def pack(codes: Ints) -> bytes:
    """Codes of one frame, shape [16], [30] or [46], to a packet; raises AudioFormatError when they are none."""
    if codes.ndim != 1 or all(rate.num_quantizers != len(codes) for rate in Rate):
        counts = ", ".join(str(rate.num_quantizers) for rate in Rate)
        raise AudioFormatError(f"codes of shape {codes.shape} are not of one frame; those have {counts}")
    if codes.min() < 0 or codes.max() >= CODES:
        raise AudioFormatError(f"there are codes outside 0 to {CODES - 1}")
    high, low = codes[0::2].astype(np.uint8), codes[1::2].astype(np.uint8)
    return (high << CODE_BITS | low).tobytes()


def unpack(packet: bytes, rate: Rate | None = None) -> Ints:
    """A packet to the codes of its frame; with `rate`, only a packet of that rate is taken.

    Raises:
        AudioFormatError: the packet is cut off, too long, or of another rate.
    """
    if rate is not None and len(packet) != rate.packet_bytes:
        raise AudioFormatError(
            f"a packet has {len(packet)} bytes; at {rate.kbps:g} kbit/s one has {rate.packet_bytes}", param="kbps"
        )
    rate = rate or Rate.of_packet(len(packet))
    both = np.frombuffer(packet, np.uint8)
    return np.stack([both >> CODE_BITS, both & (CODES - 1)], axis=1).reshape(-1).astype(np.int64)


def pack_stream(codes: Ints) -> bytes:
    """Codes of shape [16, 30 or 46, frames] to packets one after the other."""
    return b"".join(pack(frame) for frame in codes.T)


def unpack_stream(data: bytes, rate: Rate) -> Ints:
    """Packets one after the other, all of one rate, to codes [num_quantizers, frames].

    Raises:
        AudioFormatError: the last packet is cut off, or the packets are of another rate.
    """
    if rest := len(data) % rate.packet_bytes:
        raise AudioFormatError(
            f"{len(data)} bytes are no whole packets of {rate.packet_bytes}: {rest} remain; the stream was cut off, or "
            f"is not of {rate.kbps:g} kbit/s",
            param="kbps",
        )
    frames = [unpack(packet, rate) for packet in _packets(data, rate.packet_bytes)]
    return np.stack(frames, axis=1) if frames else np.zeros((rate.num_quantizers, 0), np.int64)


def _packets(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _known() -> str:
    return ", ".join(f"{rate.kbps:g}" for rate in Rate)
