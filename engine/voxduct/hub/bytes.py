"""Numbers of bytes, for people."""

from __future__ import annotations


def human(count: int) -> str:
    """`1.6 GB`, `23.1 MB`, `412 kB`, `7 bytes`; units of a thousand."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count // 1000} kB" if count >= 1000 else f"{count} bytes"
