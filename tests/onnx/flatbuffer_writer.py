"""Writes FlatBuffers, just enough to make small TensorFlow Lite files for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np


@dataclass(frozen=True)
class Scalar:
    kind: str  # as in `struct`
    value: float


@dataclass(frozen=True)
class Table:
    fields: Mapping[int, Value]


Value: TypeAlias = Scalar | Table | str | bytes | np.ndarray | Sequence[Table]


def write(root: Table, identifier: bytes) -> bytes:
    out = bytearray(struct.pack("<I", 0) + identifier)
    _patch(out, 0, _table(out, root))
    return bytes(out)


def _table(out: bytearray, table: Table) -> int:
    _align(out, 4)
    fields, inline, places = table.fields, bytearray(4), {}
    for number, value in fields.items():
        kind = value.kind if isinstance(value, Scalar) else "I"
        _align(inline, struct.calcsize(f"<{kind}"))
        places[number] = len(inline)
        inline += struct.pack(f"<{kind}", value.value if isinstance(value, Scalar) else 0)
    entries = [places.get(number, 0) for number in range(max(fields, default=-1) + 1)]
    start = len(out)
    out += struct.pack(f"<{len(entries) + 2}H", 4 + 2 * len(entries), len(inline), *entries)
    _align(out, 4)
    position = len(out)
    struct.pack_into("<i", inline, 0, position - start)
    out += inline
    for number, value in fields.items():
        if not isinstance(value, Scalar):
            _patch(out, position + places[number], _child(out, value))
    return position


def _child(out: bytearray, value: Value) -> int:
    match value:
        case Table():
            return _table(out, value)
        case str():
            return _vector(out, len(value.encode()), value.encode() + b"\0")
        case bytes():
            return _vector(out, len(value), value)
        case np.ndarray():
            return _vector(out, value.size, value.tobytes())
    tables = list(value)  # type: ignore[arg-type]
    position = _vector(out, len(tables), bytes(4 * len(tables)))
    for index, table in enumerate(tables):
        place = position + 4 + 4 * index
        _patch(out, place, _table(out, table))
    return position


def _vector(out: bytearray, count: int, data: bytes) -> int:
    _align(out, 4)
    position = len(out)
    out += struct.pack("<I", count) + data
    return position


def _patch(out: bytearray, place: int, target: int) -> None:
    struct.pack_into("<I", out, place, target - place)


def _align(out: bytearray, size: int) -> None:
    out += bytes(-len(out) % size)
