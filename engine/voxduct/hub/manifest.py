"""A model's manifest: what it is, under which licence, and the hash of every file that belongs to it.

`manifest.json` lies beside the files it names:

    {"name": ..., "kind": ..., "version": ..., "license": ..., "files": {"onnx/encoder.onnx": "<sha256>", ...}}
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from voxduct.errors import ModelError

MANIFEST_NAME = "manifest.json"
HASH_BLOCK = 1 << 20  # bytes read at once


class _Document(msgspec.Struct, frozen=True):
    name: str
    kind: str
    version: str
    license: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model that is on this machine."""

    name: str
    kind: str
    version: str
    license: str
    files: Mapping[str, str]
    """Path inside `folder` to SHA-256, lower-case hexadecimal."""
    folder: Path

    @property
    def size(self) -> int:
        """Bytes of all files that are there."""
        return sum(path.stat().st_size for name in self.files if (path := self.folder / name).is_file())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the model in `folder`; raises ModelError when it is missing or not a manifest."""
    path = folder / MANIFEST_NAME
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; {folder.name} is no model folder, or was copied in part") from error
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} is not a manifest: {error}; install the model again") from error
    for name in document.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ModelError(f"{path} names a file outside its folder: {name}; do not use this model")
    return Manifest(document.name, document.kind, document.version, document.license, dict(document.files), folder)


def verify(manifest: Manifest) -> None:
    """Reads every file; raises ModelError naming the first that is missing or not what the manifest says."""
    for name, expected in sorted(manifest.files.items()):
        path = manifest.folder / name
        try:
            found = _sha256(path)
        except FileNotFoundError as error:
            raise ModelError(f"{path} is missing; install {manifest.name} again") from error
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
        if found != expected.lower():
            raise ModelError(f"{path} is corrupt (its checksum is not the manifest's); install {manifest.name} again")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
