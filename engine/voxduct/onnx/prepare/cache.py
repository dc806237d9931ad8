"""Prepared folders as a cache: whether one is still right, and how a new one takes its place.

A folder is written aside and renamed, so whoever reads sees the old one or the new one, whole. Two that prepare the
same at once both succeed; one's work is thrown away.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from voxduct.errors import ModelError
from voxduct.onnx.prepare.report import Step

RECORD_NAME = "prepared.json"
REVISION = 2
"""Raised whenever a step would make another graph of the same export."""
HASH_BLOCK = 1 << 20  # bytes read at once


class Recipe(msgspec.Struct, frozen=True):
    """What a prepared folder was made from; an equal recipe makes an equal folder."""

    revision: int
    precision: str
    sources: dict[str, str]
    """Path inside the export to SHA-256, lower-case hexadecimal."""


class Record(msgspec.Struct, frozen=True):
    """`prepared.json`: the recipe, and what became of it."""

    recipe: Recipe
    steps: list[Step]
    differences: dict[str, float]
    """Largest difference to the export's own outputs, by what was compared."""


def make_recipe(folder: Path, files: Iterable[Path], precision: str, revision: int = REVISION) -> Recipe:
    """Reads every file once."""
    sources = {path.relative_to(folder).as_posix(): _sha256(path) for path in files}
    return Recipe(revision, precision, sources)


def read_record(folder: Path) -> Record | None:
    """What `prepared.json` says; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / RECORD_NAME).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def is_current(target: Path, recipe: Recipe) -> bool:
    """Whether a folder is what the recipe makes."""
    record = read_record(target)
    return record is not None and record.recipe == recipe


def replace(target: Path, recipe: Recipe, write: Callable[[Path], Record]) -> None:
    """Has a folder written aside and puts it in `target`'s place.

    Raises:
        ModelError: something else lies at `target`; it is left alone.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _refuse_other(target)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        record = write(aside)
        (aside / RECORD_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
        aside.chmod(0o755)  # mkdtemp makes it for its owner alone
        _take_place(aside, target, recipe)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _take_place(aside: Path, target: Path, recipe: Recipe) -> None:
    """Renames; where a folder is in the way it is either as good as ours, or moved out of it first."""
    while True:
        try:
            os.rename(aside, target)
            return
        except OSError:
            if not target.is_dir():
                raise
        if is_current(target, recipe):
            return
        _refuse_other(target)
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        try:
            os.rename(target, old / "was")
        except FileNotFoundError:  # another one was faster
            pass
        finally:
            shutil.rmtree(old, ignore_errors=True)


def _refuse_other(target: Path) -> None:
    if target.exists() and not (target.is_dir() and (read_record(target) or not any(target.iterdir()))):
        raise ModelError(f"{target} exists and was not made by preparing a model; name another folder", param="output")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
