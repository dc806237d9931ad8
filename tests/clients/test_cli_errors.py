"""What `voxduct-client` says without a server: one line that helps, and the right exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.test_cli import FAKE_MODULES, Result, sound
from voxduct_client.cli import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Runner]:
    monkeypatch.setenv("FAKE_SOUND", sound(tmp_path))
    monkeypatch.syspath_prepend(str(FAKE_MODULES))
    monkeypatch.delenv("VOXDUCT_URL", raising=False)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.chdir(tmp_path)
    yield Runner(capsys)
    sys.modules.pop("sounddevice", None)


class Runner:
    """Runs the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Result:
        try:
            code = main([*arguments])
        except SystemExit as ended:
            code = int(str(ended.code))
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["file", "missing.wav"], 2, "is not there"),
        (["file", __file__], 2, "no sound file"),
        (["file"], 2, "PATH"),
        (["listen"], 2, "listen"),
        (["say", " "], 2, "empty"),
        (["say", "x", "--seed", "-1"], 2, "seed"),
        (["say", "x", "-o", "x.wav", "--url", "ftp://x"], 2, "no server address"),
        (["say", "x", "-o", "x.wav", "--url", "127.0.0.1:1"], 1, "voxduct serve"),
        (["mic", "--device", "no such"], 1, "--list-devices"),
        (["mic", "--device", "i"], 1, "several"),
    ],
)
def test_cli_error_is_one_line_that_helps(run: Runner, arguments: list[str], code: int, words: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert len(result.err.splitlines()) == 1
    assert words in result.err


def test_cli_mic_busy_device_is_one_line(run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SOUND", sound(tmp_path, busy=True))
    result = run("mic")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "another program" in result.err


def test_cli_mic_lists_devices(run: Runner) -> None:
    result = run("mic", "--list-devices")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "*   1  USB Desk Mic  (2 channels, 44100 Hz)",
        "    2  Studio Interface  (4 channels, 96000 Hz)",
    ]


@pytest.mark.parametrize(("missing", "words"), [("package", "pip install"), ("portaudio", "libportaudio2")])
@pytest.mark.parametrize("command", [["mic"], ["mic", "--list-devices"], ["say", "x"]])
def test_cli_without_sound_library_says_how_to_install_it(
    run: Runner, command: list[str], missing: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SOUND_MISSING", missing)
    result = run(*command)
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert words in result.err
