"""Pulled models: folders of links with a manifest, in a hub's cache beside the files they link to.

    <cache>/models--<owner>--<name>/voxduct/<revision>/<precision>/manifest.json, config.json, onnx/...

Such a folder holds exactly the files of one precision and is complete once it is there. Whoever deletes a repository
from the cache deletes its models too.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from voxduct.errors import ModelError
from voxduct.hub.checksum import sha256
from voxduct.hub.manifest import MANIFEST_NAME, Manifest, read_manifest

OURS = "voxduct"  # inside a repository's folder, beside `blobs` and `snapshots`
LOCK_NAME = ".lock"


def repo_folder(cache: Path, repo_id: str) -> Path:
    """Where huggingface_hub keeps a repository of models."""
    return cache / f"models--{repo_id.replace('/', '--')}"


def model_folder(cache: Path, repo_id: str, revision: str, precision: str) -> Path:
    """Where a pulled model is, or will be."""
    return repo_folder(cache, repo_id) / OURS / quote(revision, safe="") / precision


def find_pulled(cache: Path, repo_id: str, revision: str, precision: str) -> Manifest | None:
    """The pulled model, if all its files are there."""
    folder = model_folder(cache, repo_id, revision, precision)
    if not (folder / MANIFEST_NAME).is_file():
        return None
    manifest = read_manifest(folder)
    return manifest if all((folder / name).is_file() for name in manifest.files) else None


def list_pulled(cache: Path) -> list[Manifest]:
    """All pulled models; a folder whose manifest cannot be read is none."""
    found = []
    for path in sorted(cache.glob(f"models--*/{OURS}/*/[!.]*/{MANIFEST_NAME}")):
        try:
            found.append(read_manifest(path.parent))
        except ModelError:
            continue
    return found


def assemble(
    target: Path, name: str, version: str, license: str, files: Mapping[str, Path], *, kind: str = "asr"
) -> Manifest:
    """Makes a model's folder of these files, all at once: until it is complete the old one stays.

    Call it with the repository locked. Files are linked where the disk allows, else copied.
    """
    made = target.with_name(f".{target.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    try:
        for inside, path in files.items():
            (made / inside).parent.mkdir(parents=True, exist_ok=True)
            _link(path.resolve(), made / inside)
        hashes = {inside: sha256(made / inside) for inside in sorted(files)}
        document = {"name": name, "kind": kind, "version": version, "license": license, "files": hashes}
        (made / MANIFEST_NAME).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        _replace(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return read_manifest(target)


def _link(path: Path, link: Path) -> None:
    # Hard links: ONNX Runtime refuses weights beside a graph that a symbolic link leads elsewhere.
    try:
        os.link(path, link)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, link)


def _replace(made: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    made.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(cache: Path, repo_id: str, waiting: str, report: Callable[[str], None]) -> Iterator[None]:
    """Holds the repository against other pulls, in this process and others; `waiting` is reported if one is on."""
    from filelock import FileLock, Timeout  # comes with huggingface_hub

    path = repo_folder(cache, repo_id) / OURS / LOCK_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(waiting)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
