from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from voxduct.errors import ModelError
from voxduct.hub import Manifest, catalogue, read_manifest, verify


def write_model(folder: Path, name: str = "tiny", files: dict[str, bytes] | None = None) -> Path:
    files = {"config.json": b"{}", "onnx/model.onnx": b"weights"} if files is None else files
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    document = {"name": name, "kind": "asr", "version": "1", "license": "MIT", "files": hashes}
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


def test_manifest_of_a_whole_model_is_read_and_verified(tmp_path: Path) -> None:
    manifest = read_manifest(write_model(tmp_path))
    assert (manifest.name, manifest.kind, manifest.size) == ("tiny", "asr", 9)
    verify(manifest)


def test_changed_file_is_named(tmp_path: Path) -> None:
    manifest = read_manifest(write_model(tmp_path))
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"other weights")
    with pytest.raises(ModelError, match=r"model\.onnx is corrupt .*install tiny again"):
        verify(manifest)


def test_missing_file_is_named(tmp_path: Path) -> None:
    manifest = read_manifest(write_model(tmp_path))
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json is missing; install tiny again"):
        verify(manifest)


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"name": "x"}', '{"files": 3}'])
def test_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match="is not a manifest"):
        read_manifest(tmp_path)


def test_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest\.json is missing"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("path", ["../outside.onnx", "/etc/passwd", "a/../../b"])
def test_manifest_that_reaches_outside_its_folder_is_refused(tmp_path: Path, path: str) -> None:
    write_model(tmp_path)
    document = json.loads((tmp_path / "manifest.json").read_text()) | {"files": {path: "0" * 64}}
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="outside its folder"):
        read_manifest(tmp_path)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalogue, "IN_WHEEL", tmp_path / "absent")
    monkeypatch.setattr(catalogue, "IN_CHECKOUT", tmp_path)
    write_model(tmp_path / "voxduct-tiny-en", "voxduct-tiny-en")
    return tmp_path


def test_default_is_the_embedded_model(models: Path) -> None:
    assert catalogue.resolve(None, catalogue.ModelKind.ASR) == models / "voxduct-tiny-en"
    assert catalogue.resolve("default", catalogue.ModelKind.ASR) == models / "voxduct-tiny-en"
    assert catalogue.resolve("voxduct-tiny-en", catalogue.ModelKind.ASR) == models / "voxduct-tiny-en"


def test_folder_is_a_model_too(models: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert catalogue.resolve(str(other), catalogue.ModelKind.ASR) == other


def test_unknown_model_lists_the_known_ones(models: Path) -> None:
    with pytest.raises(ModelError, match=r"neither a folder nor an embedded asr model \(those: voxduct-tiny-en\)"):
        catalogue.resolve("nonsense", catalogue.ModelKind.ASR)


def test_missing_default_says_where_it_should_be(models: Path) -> None:
    with pytest.raises(ModelError, match=r"voxduct-codec-16k is not in .*install voxduct again"):
        catalogue.resolve(None, catalogue.ModelKind.CODEC)


@pytest.mark.model
def test_embedded_models_are_whole_and_cover_every_kind() -> None:
    found: list[Manifest] = catalogue.embedded()
    for manifest in found:
        verify(manifest)
        assert manifest.name == manifest.folder.name
    assert {manifest.kind for manifest in found} == set(catalogue.ModelKind)
    assert set(catalogue.DEFAULT_MODELS.values()) <= {manifest.name for manifest in found}
