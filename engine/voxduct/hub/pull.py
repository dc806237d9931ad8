"""Pulls a model from a hub: chooses its files, downloads what is missing, and believes nothing but checksums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from voxduct.errors import ChecksumError, HubError
from voxduct.hub.bytes import human
from voxduct.hub.checksum import matches, sha256
from voxduct.hub.client import UNSTATED, HubClient, Listing
from voxduct.hub.manifest import MANIFEST_NAME, Manifest, read_manifest, verify
from voxduct.hub.reference import DEFAULT_REVISION, HubModel
from voxduct.hub.store import assemble, find_pulled, list_pulled, locked, model_folder

DEFAULT_PRECISION = "int8"  # small, and fast on any CPU
Reporter = Callable[[str], None]
"""Takes a line that says what goes on."""


class Choice(Protocol):
    """Which files of a repository make the model."""

    @property
    def files(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def remark(self) -> str | None:
        """What the user should know about the choice."""


Chooser = Callable[[str, Mapping[str, int], str], Choice]
"""From the repository's name, its files' sizes in bytes, and a precision; raises ModelError."""


def ensure(model: HubModel, choose: Chooser, client: HubClient, report: Reporter) -> Manifest:
    """The model as it was pulled, without asking the hub; pulls it if it never was. Raises as `pull` does."""
    precision = model.precision or DEFAULT_PRECISION
    return find_pulled(client.cache, model.repo_id, model.revision, precision) or pull(model, choose, client, report)


def pull(model: HubModel, choose: Chooser, client: HubClient, report: Reporter) -> Manifest:
    """The model as the hub has it now. What is here and whole is not downloaded again.

    Raises:
        UnknownModelError: no such repository, revision or precision.
        HubError: the hub cannot be reached, refuses, lacks a file, or broke off; what came is kept.
        ChecksumError: a file is not what the hub says it is; it was removed.
        DiskFullError: the disk has no room; what came is kept.
        ModelError: the repository holds no model that `choose` knows.
    """
    precision = model.precision or DEFAULT_PRECISION
    here = find_pulled(client.cache, model.repo_id, model.revision, precision) if client.offline else None
    if here is not None:
        return here
    listing = client.list_files(model)
    chosen = choose(str(model), {name: file.size for name, file in listing.files.items()}, precision)
    if chosen.remark and client.offline:  # another precision may be all that this cache has, not all that there is
        raise HubError(f"{model} is not in {client.cache}: {chosen.remark}; pull it while online")
    if chosen.remark:
        report(f"{model}: {chosen.remark}")
    with locked(client.cache, model.repo_id, f"{model}: waiting for another pull of it to end", report):
        paths = fetch_files(listing, chosen.files, client, report)
        target = model_folder(client.cache, model.repo_id, model.revision, precision)
        return assemble(target, _name(model, precision), listing.commit[:12], listing.license, paths)


def fetch_files(listing: Listing, names: tuple[str, ...], client: HubClient, report: Reporter) -> dict[str, Path]:
    """Whole files in the cache, by name; call it with the repository locked. Raises as `pull` does."""
    client.check_room(listing, names)
    if missing := client.missing_bytes(listing, names):
        report(f"{listing.model}: {human(missing)} to come from {client.address}")
    return {name: _whole_file(client, listing, name) for name in names}


def pull_folder(folder: Path, to: Path | None, choose: Chooser, precision: str, report: Reporter) -> Manifest:
    """The model in a folder of the same layout; with `to`, a folder of its own with just the files it needs.

    `to` is replaced. Raises as `choose` does, and ModelError when the folder's own manifest says that it is damaged.
    """
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    chosen = choose(str(folder), sizes, precision)
    if chosen.remark:
        report(f"{folder}: {chosen.remark}")
    manifest = Manifest(folder.resolve().name, "asr", UNSTATED, UNSTATED, {}, folder)
    if MANIFEST_NAME in sizes:
        manifest = read_manifest(folder)
        verify(manifest)
    if to is not None:
        files = {name: folder / name for name in chosen.files}
        return assemble(to, manifest.name, manifest.version, manifest.license, files)
    return replace(manifest, files={name: sha256(folder / name) for name in chosen.files})


def find_here(model: HubModel, client: HubClient) -> list[Manifest]:
    """What was pulled of a model: the precision that was named, or all; raises HubError if there is none."""
    folder = model_folder(client.cache, model.repo_id, model.revision, model.precision or "")
    pulled = [manifest for manifest in list_pulled(client.cache) if folder in (manifest.folder, manifest.folder.parent)]
    if not pulled:
        raise HubError(f"{model} was not pulled yet; `voxduct models pull {model}` does")
    return pulled


def _whole_file(client: HubClient, listing: Listing, name: str) -> Path:
    file = listing.files[name]
    if found := client.find(listing, file):
        return found
    path = client.fetch(listing, file)
    if matches(path, file.checksum):
        return path
    client.discard(path)
    raise ChecksumError(
        f"{name} of {listing.model} came from {client.address} with a wrong checksum and was removed; pull again, and "
        "if that fails too, do not use this copy of the model"
    )


def _name(model: HubModel, precision: str) -> str:
    revision = "" if model.revision == DEFAULT_REVISION else f"@{model.revision}"
    return f"{model.repo_id}{revision}:{precision}"
