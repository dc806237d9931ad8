"""Checksums of files: SHA-256, and the SHA-1 by which Git names a blob."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 1 << 20  # bytes read at once


def sha256(path: Path) -> str:
    """Lower-case hexadecimal; raises OSError."""
    return _digest(path, hashlib.sha256())


def git_blob(path: Path) -> str:
    """What `git hash-object` says; hubs name small files so. Raises OSError."""
    header = b"blob %d\0" % path.stat().st_size
    return _digest(path, hashlib.sha1(header, usedforsecurity=False))


def matches(path: Path, expected: str) -> bool:
    """Whether the file has this checksum, which is a SHA-256 or a Git blob's by its length; raises OSError."""
    match len(expected):
        case 64:
            return sha256(path) == expected.lower()
        case 40:
            return git_blob(path) == expected.lower()
        case _:
            return False


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
