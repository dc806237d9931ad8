"""`voxduct models` as a user meets it: what goes to stdout and stderr, and the exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.room import DECODER, ENCODER, MODEL, Room
from voxduct.cli import main
from voxduct.hub import read_manifest, verify

TOP = Path(__file__).parents[2]
NAME = str(MODEL)


def code_of(*arguments: str) -> int:
    try:
        return main(["models", *arguments])
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    *others, last = printed.err.splitlines()
    assert last.startswith("voxduct: ") and not any(line.startswith("voxduct") for line in others)
    return last


def test_pull_prints_the_folder_and_nothing_else(environment: Room, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("pull", NAME) == 0
    printed = capsys.readouterr()
    verify(read_manifest(Path(printed.out.removesuffix("\n"))))
    assert "70 kB to come" in printed.err


def test_pull_json_is_one_object(environment: Room, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("pull", MODEL.repo_id, "--precision", "fp32", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["name"], row["license"]) == (f"{MODEL.repo_id}:fp32", "mit")
    assert row["bytes"] == sum((Path(row["folder"]) / name).stat().st_size for name in row["files"])


def test_pull_to_makes_a_folder_to_take_elsewhere(
    environment: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert code_of("pull", NAME, "--to", str(out)) == 0
    assert code_of("pull", str(out), "--to", str(again)) == 0
    assert code_of("verify", str(again)) == 0
    names = {path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file()}
    assert names == {"manifest.json", "config.json", "tokenizer.json", "README.md", ENCODER, DECODER}
    assert read_manifest(again).license == "mit"
    assert capsys.readouterr().out == f"{out}\n{again}\n"


def test_pull_to_a_folder_with_something_in_it_is_wrong_use(
    environment: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").touch()
    assert code_of("pull", NAME, "--to", str(tmp_path)) == 2
    assert "not empty; name a new folder" in error_line(capsys)
    assert (tmp_path / "precious").exists()
    assert environment.hub.requests == []


def test_list_shows_what_was_pulled(environment: Room, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("pull", NAME) == 0
    capsys.readouterr()
    assert code_of("list", "--json") == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (rows[NAME]["source"], rows[NAME]["kind"], rows[NAME]["license"]) == ("pulled", "asr", "mit")
    assert rows["whisper-large-v3-turbo"]["source"] == "hub"
    assert rows["voxduct-tiny-en"]["default"] is True
    assert code_of("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows)
    (line,) = (line for line in lines if NAME in line)
    assert "70 kB" in line and "mit" in line and "pulled" in line


def test_verify_prints_every_damaged_file(environment: Room, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("pull", NAME) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert code_of("verify", MODEL.repo_id) == 0
    (folder / ENCODER).write_bytes(b"damaged")
    (folder / DECODER).unlink()
    capsys.readouterr()
    assert code_of("verify", NAME) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"{folder / DECODER} is missing",
        f"{folder / ENCODER} is corrupt (its checksum is not the manifest's)",
    ]
    assert printed.err == f"voxduct: 1 of 1 models are damaged: pull {NAME} again\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pull", "nobody/nothing"), 1, "is not on"),
        (("pull", "nonsense"), 1, "neither a folder nor"),
        (("pull", f"{MODEL.repo_id}:int3"), 1, "is no precision"),
        (("pull", NAME, "--offline"), 1, "pull it while online"),
        (("verify", NAME), 1, "`voxduct models pull"),
        (("verify", "nonsense"), 1, "neither a folder nor"),
        (("export", "nowhere", "out"), 1, "nowhere holds no Whisper checkpoint"),
    ],
)
def test_failure_is_one_line_that_says_what_to_do(
    environment: Room,
    arguments: tuple[str, ...],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code_of(*arguments) == code
    assert words in error_line(capsys)


def test_unknown_precision_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("pull", NAME, "--precision", "int3") == 2
    assert "int3" in capsys.readouterr().err


def test_without_huggingface_hub_pulling_says_what_to_install_and_listing_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert code_of("pull", NAME) == 1
    assert "pip install 'voxduct[hub]'" in error_line(capsys)
    assert code_of("list") == 0


def test_without_optimum_exporting_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    (tmp_path / "model.safetensors").touch()
    monkeypatch.setitem(sys.modules, "optimum.exporters.onnx", None)
    assert code_of("export", str(tmp_path), str(tmp_path / "out")) == 1
    assert "pip install 'voxduct[export]'" in error_line(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}


def run_voxduct(room: Room, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    chosen = {"PYTHONPATH": str(TOP / "engine"), "HF_ENDPOINT": room.hub.address, "HF_HOME": str(room.client.cache)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-m", "voxduct", "models", *arguments],
        env=kept | chosen | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_environment_chooses_hub_cache_and_offline_mode(room: Room) -> None:
    online = run_voxduct(room, "pull", NAME)
    assert online.returncode == 0, online.stderr
    assert Path(online.stdout.strip()).is_relative_to(room.client.cache / "hub")
    assert len(online.stderr.splitlines()) == 1  # no progress bar where nobody looks
    room.hub.requests.clear()
    offline = run_voxduct(room, "pull", NAME, HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stdout) == (0, online.stdout)
    assert room.hub.requests == []
