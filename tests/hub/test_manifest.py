from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from voxduct.errors import ModelError, UnknownModelError
from voxduct.hub import Manifest, catalogue, read_manifest, verify
from voxduct.hub.catalogue import LocalModel
from voxduct.hub.reference import HubModel


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
    for name in (None, "default", "voxduct-tiny-en"):
        assert catalogue.resolve(name, catalogue.ModelKind.ASR) == LocalModel(models / "voxduct-tiny-en")


def test_folder_is_a_model_too(models: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert catalogue.resolve(str(other), catalogue.ModelKind.ASR) == LocalModel(other)
    assert catalogue.resolve(f"{other}:fp16", catalogue.ModelKind.ASR) == LocalModel(other, "fp16")


def test_unknown_model_lists_the_known_ones(models: Path) -> None:
    expected = r"neither a folder nor an embedded asr model \(those: voxduct-tiny-en\) nor an alias .* nor owner/name"
    with pytest.raises(UnknownModelError, match=expected):
        catalogue.resolve("nonsense", catalogue.ModelKind.ASR)


def test_missing_default_says_where_it_should_be(models: Path) -> None:
    with pytest.raises(ModelError, match=r"voxduct-codec-16k is not in .*install voxduct again"):
        catalogue.resolve(None, catalogue.ModelKind.CODEC)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whisper-base", HubModel("onnx-community/whisper-base_timestamped")),
        ("small.en", HubModel("onnx-community/whisper-small.en_timestamped")),
        ("large-v3-turbo:fp16", HubModel("onnx-community/whisper-large-v3-turbo_timestamped", precision="fp16")),
        ("distil-whisper/distil-small.en@v1", HubModel("distil-whisper/distil-small.en", "v1")),
    ],
)
def test_alias_or_repository_is_a_model_on_a_hub(models: Path, name: str, expected: HubModel) -> None:
    assert catalogue.resolve(name, catalogue.ModelKind.ASR) == expected


def test_folder_goes_before_a_repository_of_the_same_name(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert catalogue.resolve("owner/name", catalogue.ModelKind.ASR) == LocalModel(Path("owner/name"))


def test_alias_goes_before_a_folder_of_the_same_name(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whisper-base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert isinstance(catalogue.resolve("whisper-base", catalogue.ModelKind.ASR), HubModel)
    assert catalogue.resolve("./whisper-base", catalogue.ModelKind.ASR) == LocalModel(Path("whisper-base"))


def test_only_recognisers_are_on_hubs(models: Path) -> None:
    with pytest.raises(UnknownModelError, match="embedded codec-lm model"):
        catalogue.resolve("owner/voice", catalogue.ModelKind.CODEC_LM)


@pytest.mark.model
def test_embedded_models_are_whole_and_cover_every_kind() -> None:
    found: list[Manifest] = catalogue.embedded()
    for manifest in found:
        verify(manifest)
        assert manifest.name == manifest.folder.name
    assert {manifest.kind for manifest in found} == set(catalogue.ModelKind)
    assert set(catalogue.DEFAULT_MODELS.values()) <= {manifest.name for manifest in found}
