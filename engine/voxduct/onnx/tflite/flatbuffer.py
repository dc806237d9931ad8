"""FlatBuffers, as far as reading needs: tables whose fields have numbers, vectors, strings.

Every offset is checked against the file's length, so a damaged file is an error and never wrong data of some other
place. The format: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IDENTIFIER_AT = 4


class FlatbufferError(ValueError):
    """An offset leads out of the data; the message says where."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table; a field that is absent has its default."""

    data: bytes
    position: int

    def integer(self, field: int, default: int = 0, kind: str = "i") -> int:
        """A number; `kind` is its letter in `struct`: b B h H i I q Q."""
        place = self._place(field)
        return default if place is None else int(_number(self.data, place, kind))

    def real(self, field: int, default: float = 0.0) -> float:
        """A 32-bit float."""
        place = self._place(field)
        return default if place is None else float(_number(self.data, place, "f"))

    def flag(self, field: int) -> bool:
        """A bool; False where it is absent."""
        return bool(self.integer(field, 0, "B"))

    def text(self, field: int) -> str:
        """A string; empty where it is absent."""
        return bytes(self.array(field, np.dtype(np.uint8))).decode("utf-8", errors="replace")

    def table(self, field: int) -> Table | None:
        """A table inside this one."""
        place = self._place(field)
        return None if place is None else Table(self.data, _follow(self.data, place))

    def array(self, field: int, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
        """A vector of numbers; empty where it is absent."""
        start, count = self._vector(field, dtype.itemsize)
        return np.frombuffer(self.data, dtype.newbyteorder("<"), count, start).astype(dtype)

    def tables(self, field: int) -> Iterator[Table]:
        """A vector of tables."""
        start, count = self._vector(field, 4)
        for index in range(count):
            yield Table(self.data, _follow(self.data, start + 4 * index))

    def _vector(self, field: int, item_bytes: int) -> tuple[int, int]:
        """Where its items begin, and how many there are."""
        place = self._place(field)
        if place is None:
            return 0, 0
        start = _follow(self.data, place)
        count = int(_number(self.data, start, "I"))
        if start + 4 + count * item_bytes > len(self.data):
            raise FlatbufferError(f"a list of {count} items at byte {start} goes beyond the end at {len(self.data)}")
        return start + 4, count

    def _place(self, field: int) -> int | None:
        """Where the field lies; None where it is absent."""
        fields = self.position - int(_number(self.data, self.position, "i"))
        entry = 4 + 2 * field
        if entry + 2 > int(_number(self.data, fields, "H")):
            return None
        offset = int(_number(self.data, fields + entry, "H"))
        return self.position + offset if offset else None


def root(data: bytes) -> Table:
    """The outermost table."""
    return Table(data, _follow(data, 0))


def identifier(data: bytes) -> bytes:
    """The four bytes that say what kind of data this is."""
    return data[IDENTIFIER_AT : IDENTIFIER_AT + 4]


def _follow(data: bytes, place: int) -> int:
    return place + int(_number(data, place, "I"))


def _number(data: bytes, place: int, kind: str) -> int | float:
    size = struct.calcsize(f"<{kind}")
    if not 0 <= place <= len(data) - size:
        raise FlatbufferError(f"byte {place} is beyond the end at {len(data)}")
    found: int | float = struct.unpack_from(f"<{kind}", data, place)[0]
    return found
