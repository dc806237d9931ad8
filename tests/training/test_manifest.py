"""Manifests of exported models."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from voxduct_training.manifest import write_manifest


def test_manifest_has_every_file_but_itself_and_the_card(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"graph")
    (tmp_path / "README.md").write_text("card", encoding="utf-8")
    for _ in range(2):
        write_manifest(tmp_path, "some-model", "codec", "1.2.3")
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.pop("files") == {"onnx/model.onnx": hashlib.sha256(b"graph").hexdigest()}
    assert manifest == {"name": "some-model", "kind": "codec", "version": "1.2.3", "license": "Apache-2.0"}
