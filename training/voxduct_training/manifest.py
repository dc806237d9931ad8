"""What every exported model's folder ends with: `manifest.json`, by which the engine checks it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

MANIFEST, CARD = "manifest.json", "README.md"
LICENSE = "Apache-2.0"


def write_manifest(folder: Path, name: str, kind: str, version: str) -> None:
    """The checksum of every file but the card, which people edit."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, CARD))
    files = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    manifest = {"name": name, "kind": kind, "version": version, "license": LICENSE, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
