"""A hub and its cache on this machine, through huggingface_hub: what a repository holds, and one file of it.

huggingface_hub downloads, resumes, locks and caches; it reads HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and
HF_TOKEN. What it lacks is here: checksums, room on the disk, and errors that say what to do.
"""

from __future__ import annotations

import importlib
import logging
import re
import shutil
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxduct.errors import HubError
from voxduct.hub.checksum import matches
from voxduct.hub.failures import disk_full, hub_failures, load_library
from voxduct.hub.reference import HubModel
from voxduct.hub.store import repo_folder

UNSTATED = "unstated"
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """Which hub; None is what huggingface_hub takes from the environment."""

    endpoint: str | None = None
    cache: Path | None = None
    offline: bool = False
    """Take only what is in the cache; HF_HUB_OFFLINE says the same."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository."""

    name: str
    size: int
    """Bytes."""
    checksum: str
    """SHA-256 of a large file, the Git blob's SHA-1 of a small one; a cache names its blobs so."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    model: HubModel
    commit: str
    license: str
    files: Mapping[str, RemoteFile]


class HubClient:
    """Asks a hub, and keeps what comes in huggingface_hub's cache.

    Raises:
        ExtraError: huggingface_hub is not installed.
    """

    def __init__(self, options: HubOptions | None = None) -> None:
        options = options or HubOptions()
        self._library = load_library()
        constants: Any = importlib.import_module("huggingface_hub.constants")
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its warnings are in our errors
        constants.HF_HUB_DISABLE_XET = True  # its downloads start afresh when they were interrupted; HTTP's go on
        self.address: str = options.endpoint or constants.ENDPOINT
        self.cache = options.cache or Path(constants.HF_HUB_CACHE)
        self.offline: bool = options.offline or bool(constants.HF_HUB_OFFLINE)

    def list_files(self, model: HubModel) -> Listing:
        """What the repository holds now; offline, what the cache holds of it.

        Raises:
            UnknownModelError: no such repository or revision.
            HubError: the hub cannot be reached or refuses; offline, the cache has nothing of it.
        """
        if self.offline:
            return self._cached_listing(model)
        with hub_failures(str(model), self.address):
            api = self._library.HfApi(endpoint=self.address)
            info = api.model_info(model.repo_id, revision=model.revision, files_metadata=True)
        files = [_remote_file(sibling) for sibling in info.siblings or ()]
        card = info.card_data
        stated = card.get("license") if card else None
        return Listing(model, info.sha, str(stated or UNSTATED), _sound(files))

    def missing_bytes(self, listing: Listing, names: tuple[str, ...]) -> int:
        """What is still to come of these files."""
        return sum(self._missing(listing, listing.files[name]) for name in names)

    def check_room(self, listing: Listing, names: tuple[str, ...]) -> None:
        """Raises DiskFullError when the disk with the cache cannot take what is still to come."""
        needed = self.missing_bytes(listing, names)
        existing = next(folder for folder in (self.cache, *self.cache.parents) if folder.is_dir())
        free = shutil.disk_usage(existing).free
        if needed > free:
            raise disk_full(str(listing.model), needed, self.cache, free)

    def find(self, listing: Listing, file: RemoteFile) -> Path | None:
        """The file in the cache, if it is whole; one that is damaged is removed."""
        blob = self._blob(listing, file)
        if not blob.is_file():
            return None
        if not matches(blob, file.checksum):
            blob.unlink(missing_ok=True)
            return None
        return blob

    def fetch(self, listing: Listing, file: RemoteFile) -> Path:
        """Downloads the file, or what is missing of it, and checks nothing but its size; a path in the cache.

        When the hub breaks off it is asked again at once, for as long as every try brings bytes.

        Raises:
            HubError: the hub cannot be reached, lacks the file, or broke off; what came is kept.
            DiskFullError: the disk became full; what came is kept.
        """
        self._drop_overlong(listing, file)
        missing = self._missing(listing, file)
        while True:
            try:
                return self._download(listing, file)
            except HubError:
                before, missing = missing, self._missing(listing, file)
                if missing >= before:
                    raise

    def _download(self, listing: Listing, file: RemoteFile) -> Path:
        with warnings.catch_warnings(), hub_failures(f"{file.name} of {listing.model}", self.address) as failures:
            warnings.simplefilter("ignore")  # about room on the disk, which was looked at before
            failures.on_full(lambda: disk_full(file.name, self._missing(listing, file), self.cache))
            path = self._library.hf_hub_download(
                listing.model.repo_id,
                file.name,
                revision=listing.commit,
                cache_dir=self.cache,
                endpoint=self.address,
                local_files_only=self.offline,
            )
        return Path(path)

    def discard(self, path: Path) -> None:
        """Removes a file from the cache, link and content."""
        content = path.resolve()
        path.unlink(missing_ok=True)
        if content.is_relative_to(self.cache.resolve()):
            content.unlink(missing_ok=True)

    def _blob(self, listing: Listing, file: RemoteFile) -> Path:
        return repo_folder(self.cache, listing.model.repo_id) / "blobs" / file.checksum

    def _partial(self, listing: Listing, file: RemoteFile) -> Path:
        blob = self._blob(listing, file)
        return blob.with_name(f"{blob.name}.incomplete")

    def _missing(self, listing: Listing, file: RemoteFile) -> int:
        if self._blob(listing, file).is_file():
            return 0
        partial = self._partial(listing, file)
        return file.size - (partial.stat().st_size if partial.is_file() else 0)

    def _drop_overlong(self, listing: Listing, file: RemoteFile) -> None:
        if self._missing(listing, file) < 0:  # a hub refuses to go on after the end
            self._partial(listing, file).unlink(missing_ok=True)

    def _cached_listing(self, model: HubModel) -> Listing:
        folder = repo_folder(self.cache, model.repo_id)
        pointer = folder / "refs" / model.revision
        commit = pointer.read_text(encoding="ascii").strip() if pointer.is_file() else model.revision
        snapshot = folder / "snapshots" / commit
        if not snapshot.is_dir():
            raise HubError(f"{model} is not in {self.cache}, and the hub is not asked offline; pull it while online")
        paths = [path for path in sorted(snapshot.rglob("*")) if path.is_file()]
        files = [
            RemoteFile(path.relative_to(snapshot).as_posix(), path.stat().st_size, path.resolve().name)
            for path in paths
        ]
        return Listing(model, commit, UNSTATED, _sound(files))


def _remote_file(sibling: object) -> RemoteFile:
    name: str = getattr(sibling, "rfilename", "")
    size: int = getattr(sibling, "size", None) or 0
    large = getattr(sibling, "lfs", None)
    checksum: str = large.sha256 if large else getattr(sibling, "blob_id", None) or ""
    return RemoteFile(name, size, checksum)


def _sound(files: Iterable[RemoteFile]) -> dict[str, RemoteFile]:
    """By name, those that can be checked and that stay inside their folder; a hub may say anything."""
    return {
        file.name: file
        for file in files
        if _CHECKSUM.fullmatch(file.checksum) and not {"", ".", ".."} & set(file.name.split("/"))
    }
