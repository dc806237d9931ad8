"""Ogg as far as counting goes: how long the packets of a file with one stream are (RFC 3533, section 6)."""

from __future__ import annotations

from voxduct.errors import AudioFormatError

MAGIC, HEADER, COUNT = b"OggS", 27, 26
WHOLE = 255  # a segment of that length is followed by more of the same packet


def packet_sizes(data: bytes) -> list[int]:
    """Bytes of each packet, in order.

    Raises:
        AudioFormatError: this is no Ogg file, or it is cut off.
    """
    sizes, packet, at = [], 0, 0
    while at < len(data):
        if data[at : at + len(MAGIC)] != MAGIC or len(data) < at + HEADER:
            raise AudioFormatError(f"no page of Ogg begins at byte {at}")
        segments = data[at + HEADER : at + HEADER + data[at + COUNT]]
        at += HEADER + data[at + COUNT] + sum(segments)
        for segment in segments:
            packet += segment
            if segment < WHOLE:
                sizes.append(packet)
                packet = 0
    if packet or at != len(data):
        raise AudioFormatError("the Ogg file is cut off")
    return sizes
