"""The bundle for machines that reach nothing: its contents, its size, and that its run.sh finds everything in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import soundfile

from voxduct_training.bundle import LIMIT, write_bundle

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
EXPECTED = (
    "voxduct/engine/voxduct/__init__.py",
    "voxduct/training/runs/asr.sh",
    "voxduct/training/voxduct_training/train_recognizer.py",
    "voxduct/models_onnx/voxduct-tiny-en/onnx/encoder_model_int8.onnx",
    "voxduct/models_onnx/voxduct-tiny-en/ctc_heads.safetensors",
    "voxduct/models_onnx/voxduct-tiny-en/tokenizer.json",
    "data/text/lj_transcripts.txt",
    "data/speech/lj/transcripts.tsv",
    "root/lib/libespeak-ng.so.1",
    "root/lib/libflite_cmu_us_slt.so.1",
    "root/espeak-ng-data/en_dict",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not ((LIBRARIES / "libespeak-ng.so.1").exists() and (LIBRARIES / "libflite.so.1").exists()),
        reason="espeak-ng or flite is not installed",
    ),
    pytest.mark.skipif(not (shutil.which("cc") and shutil.which("nm")), reason="no C compiler"),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    write_data(data)
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    assert write_bundle(out, data, "asr", quick=True) < LIMIT
    return out


def write_data(data: Path) -> None:
    """As little as the data folder can hold: one text, and two clips of each voice."""
    samples = (np.random.default_rng(0).standard_normal(32_000) * 0.1).astype(np.float32)
    (data / "text").mkdir()
    (data / "text" / "lj_transcripts.txt").write_text("The birds sang in the tall trees.\n", encoding="utf8")
    for folder, suffix, how in (("neural", "opus", {"format": "OGG", "subtype": "OPUS"}), ("lj", "flac", {})):
        to = data / "speech" / folder
        to.mkdir(parents=True)
        for name in ("one", "two"):
            soundfile.write(to / f"{name}.{suffix}", samples, 16_000, **how)
        lines = "one\tthe birds sang in the trees\ntwo\tthere were 7 of them\n"
        (to / "transcripts.tsv").write_text(lines, encoding="utf8")


def names_in(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return set(archive.getnames())


def run(bundle: Path, work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VOXDUCT_WORK": str(work), "PYTHON": sys.executable, "HOME": str(work)}
    environment.pop("PYTHONPATH", None)
    command = ["sh", str(bundle / "run.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_bundle_holds_code_texts_weights_and_synthesisers(bundle: Path) -> None:
    held = names_in(bundle / "payload.tar")
    assert [name for name in EXPECTED if name not in held] == []
    assert not [name for name in held if "__pycache__" in name]


def test_bundle_holds_only_the_clips_that_training_uses(bundle: Path) -> None:
    held = {Path(name).name for name in names_in(bundle / "neural.tar")}
    assert held == {"one.opus", "transcripts.tsv"}  # the other has digits, which have several readings


def test_run_speaks_with_the_synthesisers_of_the_bundle(bundle: Path, tmp_path: Path) -> None:
    done = run(bundle, tmp_path, "check")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    libraries = [line for line in lines if ".so" in line and ("flite" in line or "espeak" in line)]
    assert len(libraries) > 5
    assert all(line.startswith(str(tmp_path / "root" / "lib")) for line in libraries)
    spoken = [line for line in lines if line.startswith(("espeak/", "flite/", "festival/")) and line.endswith(" s")]
    assert len(spoken) >= 2
    if (own := tmp_path / "root" / "bin" / "text2wave").exists():
        assert lines[-1] == f"text2wave {own}"


def test_run_refuses_a_recipe_that_is_not_in_the_bundle(bundle: Path, tmp_path: Path) -> None:
    done = run(bundle, tmp_path, "voice")
    assert done.returncode == 2
    assert "not for voice" in done.stderr
