"""Protocol buffers as they lie in a file: numbered fields, whose meaning the reader knows (protobuf.dev, Encoding)."""

from __future__ import annotations

from collections.abc import Iterator

Field = int | bytes


def fields_of(data: bytes) -> Iterator[tuple[int, Field]]:
    """Numbers and values of a message's fields; those of fixed size are bytes.

    Raises:
        ValueError, IndexError: this is no message, or a piece of one.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 5:
                size = 4
            case 2:
                size, at = _varint(data, at)
            case other:
                raise ValueError(f"a field of kind {other}")
        if at + size > len(data):
            raise ValueError("a field goes beyond the end")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
