"""`voxduct continue` as a user meets it; the models are stand-ins, the sound files are real."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.fakes_continuing import fake_continuer, hum
from voxduct.audio import SAMPLE_RATE
from voxduct.cli import continue_, main
from voxduct.cli.recordings import Recording


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continue_, "load_continuer", lambda options, model: fake_continuer())


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """A second and a half at another rate, in two channels."""
    path, sound = tmp_path / "prompt.wav", hum(1.5)
    soundfile.write(path, np.stack([sound, sound], axis=1), SAMPLE_RATE * 3 // 2)
    return path


class Pipe(io.TextIOWrapper):
    """Stdout that nobody sees."""

    def isatty(self) -> bool:
        return False


def code_of(*arguments: object) -> int:
    try:
        return main([str(one) for one in arguments])
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def piped(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> np.ndarray:
    """What comes out of the pipe, as samples."""
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Pipe(held))
    assert code_of(*arguments) == 0
    return np.frombuffer(held.getvalue(), "<i2")


def test_continue_to_a_file_says_what_was_made(
    prompt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.wav"
    assert code_of("continue", prompt, "-o", out, "--seconds", 2, "--seed", 3, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["file"], said["sample_rate"], said["duration"]) == (str(out), SAMPLE_RATE, 2.0)
    samples, rate = soundfile.read(out)
    assert (len(samples), rate) == (2 * SAMPLE_RATE, SAMPLE_RATE)
    assert np.abs(samples).max() > 0.01


def test_continue_to_a_pipe_is_the_file_as_raw_pcm(
    prompt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.wav"
    assert code_of("continue", prompt, "-o", out, "--seconds", 1) == 0
    wanted = soundfile.read(out, dtype="int16")[0]
    assert np.array_equal(piped(monkeypatch, "continue", prompt, "--seconds", 1), wanted)
    assert np.array_equal(piped(monkeypatch, "continue", prompt, "-o", "-", "--seconds", 1), wanted)


def test_continue_with_prompt_begins_with_the_recording_and_fades_over(prompt: Path, tmp_path: Path) -> None:
    out, bare = tmp_path / "out.wav", tmp_path / "bare.wav"
    assert code_of("continue", prompt, "-o", out, "--seconds", 1, "--with-prompt") == 0
    assert code_of("continue", prompt, "-o", bare, "--seconds", 1) == 0
    samples, alone = soundfile.read(out)[0], soundfile.read(bare)[0]
    given = Recording(prompt).samples()
    assert len(samples) == len(given) + SAMPLE_RATE
    np.testing.assert_allclose(samples[: len(given) - 320], given[:-320], atol=1e-3)
    assert np.array_equal(samples[len(given) + 320 :], alone[320:])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--seconds", "0"], 2, "greater than 0"),
        (["--seconds", "5000"], 2, "up to 3600"),
        (["--temperature", "3"], 2, "temperature 3"),
        (["--seed", "x"], 2, "seed"),
    ],
)
def test_continue_with_wrong_options_says_so(
    prompt: Path, tmp_path: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("continue", prompt, "-o", tmp_path / "out.wav", *arguments) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    ("sound", "message"),
    [(hum(0.1), "0.10 s long"), (np.zeros(SAMPLE_RATE, np.float32), "silent"), (b"no sound", "sound file"),
     (None, "is not there")],
)  # fmt: skip
def test_continue_of_a_bad_prompt_says_what_is_wrong(
    sound: np.ndarray | bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "prompt.wav"
    match sound:
        case bytes():
            path.write_bytes(sound)
        case np.ndarray():
            soundfile.write(path, sound, SAMPLE_RATE)
    assert code_of("continue", path, "-o", tmp_path / "out.wav") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.wav").exists()


def test_continue_without_a_place_for_the_sound_is_refused(
    prompt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert code_of("continue", prompt) == 2
    assert "-o OUT.wav" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert code_of("continue", prompt, "--json") == 2


def test_continue_of_eleven_minutes_goes_on_from_the_end(tmp_path: Path) -> None:
    whole = np.concatenate([hum(1, 0.05)] * 660 + [hum(11, 0.4)])
    soundfile.write(tmp_path / "long.flac", whole, SAMPLE_RATE)
    soundfile.write(tmp_path / "end.flac", whole[-11 * SAMPLE_RATE :], SAMPLE_RATE)
    for name in ("long", "end"):
        arguments = ("continue", tmp_path / f"{name}.flac", "-o", tmp_path / f"{name}.wav", "--seconds", 0.5)
        assert code_of(*arguments) == 0
    assert (tmp_path / "long.wav").read_bytes() == (tmp_path / "end.wav").read_bytes()
