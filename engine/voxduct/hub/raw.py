"""Models whose files lie at plain addresses, with checksums that are recorded here: no hub says what there is.

They go to the hub's cache all the same, as every pulled model does:

    <cache>/models--<owner>--<name>/voxduct/<revision>/<precision>/manifest.json, ...
"""

from __future__ import annotations

import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from voxduct.errors import ChecksumError, HubError
from voxduct.hub.bytes import human
from voxduct.hub.checksum import matches
from voxduct.hub.failures import FULL, disk_full
from voxduct.hub.manifest import Manifest, problems
from voxduct.hub.pull import Reporter
from voxduct.hub.store import assemble, find_pulled, locked, model_folder

TIMEOUT_S = 30.0
BLOCK = 1 << 16  # bytes read at once


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file of a model."""

    path: str
    """Below the model's address; its last part is the name it gets here."""
    size: int
    """Bytes; more are not read."""
    sha256: str

    @property
    def name(self) -> str:
        """Its name in the model's folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawModel:
    """A model as its makers publish it."""

    name: str
    kind: str
    repo_id: str
    revision: str
    precision: str
    address: str
    """What all paths are below, without a slash at its end."""
    license: str
    notice: str
    """Who made it and where the licence is to be read; said before anything is downloaded."""
    files: tuple[RawFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def find_raw(model: RawModel, cache: Path) -> Manifest | None:
    """The model as it was pulled, if all its files are there; None if it never was."""
    return find_pulled(cache, model.repo_id, model.revision, model.precision)


def pull_raw(
    model: RawModel, cache: Path, report: Reporter, *, address: str | None = None, offline: bool = False
) -> Manifest:
    """Downloads the model unless it is here and whole; `address` is another place with the same files.

    Raises:
        HubError: the address cannot be reached, refuses, or breaks off; offline, the model is not here.
        ChecksumError: a file is not the one that is recorded; it was removed.
        DiskFullError: the disk has no room.
    """
    report(f"{model.name}: {model.license}; {model.notice}")
    here = find_raw(model, cache)
    if here is not None and not list(problems(here)):
        return here
    if offline:
        raise HubError(f"{model.name} is not in {cache}, and nothing is fetched offline; pull it while online")
    with locked(cache, model.repo_id, f"{model.name}: waiting for another pull of it to end", report):
        target = model_folder(cache, model.repo_id, model.revision, model.precision)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=target.parent) as folder:
            files = _download(model, address or model.address, Path(folder), report)
            return assemble(target, model.name, model.revision, model.license, files, kind=model.kind)


def _download(model: RawModel, address: str, folder: Path, report: Reporter) -> Mapping[str, Path]:
    if (free := shutil.disk_usage(folder).free) < 2 * model.size:  # they are copied where the disk has no links
        raise disk_full(model.name, 2 * model.size, folder, free)
    report(f"{model.name}: {human(model.size)} to come from {address}")
    for file in model.files:
        _fetch(file, f"{address.rstrip('/')}/{file.path}", folder / file.name)
    return {file.name: folder / file.name for file in model.files}


def _fetch(file: RawFile, address: str, target: Path) -> None:
    if not address.startswith(("https://", "http://")):
        raise HubError(f"{address} is no address of the web; begin it with https://")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, target.open("wb") as out:
            _copy(answer, out, file.size + 1)
    except urllib.error.HTTPError as error:
        raise HubError(f"{file.name} did not come: {address} answered {error.code}; pull again later") from error
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise disk_full(file.name, file.size, target.parent) from error
        reason = getattr(error, "reason", None) or error
        raise HubError(f"{file.name} did not come: {address} cannot be read ({reason}); pull again") from error
    if 0 < target.stat().st_size < file.size:
        raise HubError(f"{file.name} did not come: {address} broke off; pull again")
    if not matches(target, file.sha256):
        raise ChecksumError(
            f"{file.name} came from {address} with a wrong checksum and was removed; pull again, and if that fails "
            "too, do not use this copy of the model"
        )


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> None:
    """At most so many bytes: whoever sends more sends something else."""
    while limit > 0 and (block := source.read(min(BLOCK, limit))):
        target.write(block)
        limit -= len(block)
