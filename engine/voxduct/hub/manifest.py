"""A model's manifest: what it is, under which licence, and the hash of every file that belongs to it.

`manifest.json` lies beside the files it names:

    {"name": ..., "kind": ..., "version": ..., "license": ..., "files": {"onnx/encoder.onnx": "<sha256>", ...}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from voxduct.errors import ModelError
from voxduct.hub.checksum import sha256

MANIFEST_NAME = "manifest.json"


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
    def remedy(self) -> str:
        """What a user does when files are damaged."""
        cached = any(part.startswith("models--") for part in self.folder.parts)
        verb = "pull" if cached or "/" in self.name else "install"  # names of repositories have an owner
        return f"{verb} {self.name} again"

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
    for problem in problems(manifest):
        raise ModelError(f"{problem}; {manifest.remedy}")


def problems(manifest: Manifest) -> Iterator[str]:
    """Reads every file; says of each what is wrong with it, if anything is."""
    for name, expected in sorted(manifest.files.items()):
        path = manifest.folder / name
        try:
            if sha256(path) != expected.lower():
                yield f"{path} is corrupt (its checksum is not the manifest's)"
        except FileNotFoundError:
            yield f"{path} is missing"
        except OSError as error:
            yield f"{path} cannot be read ({error.strerror})"
