"""What the wheel holds: everything that runs, nothing that trains."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
MAX_WHEEL_MB = 95  # package indexes take 100


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=TOP, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_the_files_that_manifests_list_and_no_others(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if "/_models/" in name}
    models = {path.parent.name for path in (TOP / "models_onnx").glob("*/manifest.json")}
    assert {name.split("/")[2] for name in names} == models
    listed = set()
    for model in models:
        manifest = json.loads(wheel.read(f"voxduct/_models/{model}/manifest.json"))
        listed |= {f"voxduct/_models/{model}/{name}" for name in ["manifest.json", *manifest["files"]]}
        for name, sha in manifest["files"].items():
            assert hashlib.sha256(wheel.read(f"voxduct/_models/{model}/{name}")).hexdigest() == sha
    assert names == listed
    assert not [name for name in names if name.endswith(".safetensors")]


def test_wheel_holds_web_pages_and_measuring_clips(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"voxduct/_web/index.html", "voxduct/_bench/demo/transcripts.tsv"} <= names
    assert {"voxduct/_bench/hard_sentences.txt", "voxduct/_bench/heldout_sentences.txt"} <= names


def test_wheel_holds_two_packages_and_their_types(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info" not in name}
    assert tops == {"voxduct", "voxduct_client"}
    assert {"voxduct/py.typed", "voxduct_client/py.typed"} <= set(wheel.namelist())


def test_wheel_names_its_commands_and_licence(wheel: zipfile.ZipFile) -> None:
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    points = wheel.read(entry).decode()
    assert "voxduct = voxduct.cli:main" in points
    assert "voxduct-client = voxduct_client.cli:main" in points
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_wheel_is_small_enough_to_publish(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    assert Path(wheel.filename).stat().st_size < MAX_WHEEL_MB * 1e6
