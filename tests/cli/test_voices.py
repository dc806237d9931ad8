from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.fakes_voices import CONSENT
from tests.tts.prompted.test_synthesiser import synthesiser
from voxduct.cli import build_parser, main
from voxduct.cli.voices import choose_voice, default_folder
from voxduct.errors import ModelError, VoiceError
from voxduct.loading import EngineOptions, load_enroller, load_shelf, load_synthesiser
from voxduct.voices.enrolment import run_enrolment
from voxduct.voices.sound import read_sound

CLIP = Path(__file__).parents[2] / "benchmarks" / "data" / "demo" / "demo-02.opus"


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_default_folder_is_among_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "voxduct" / "voices"
    assert build_parser().parse_args(["say", "hi"]).voices == default_folder()
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".local" / "share" / "voxduct" / "voices"


def test_published_model_speaks_with_its_own_voices_and_takes_no_clip(tmp_path: Path) -> None:
    def chosen(voice: str) -> str | None:
        arguments = ["say", "hi", "--voice", voice, "--voices", str(tmp_path)]
        return choose_voice(build_parser().parse_args(arguments), synthesiser())

    assert chosen("leo") == "leo"
    with pytest.raises(VoiceError, match="the voices are tara, leah"):
        chosen("nobody")
    with pytest.raises(VoiceError, match="cannot be mixed"):
        synthesiser().voice(chosen("tara+leah"))
    with pytest.raises(ModelError, match="only Voxduct's own voice models take further voices"):
        chosen(str(CLIP))


@pytest.mark.model
def test_say_with_a_clip_and_with_the_voice_kept_of_it_is_the_same_speech(tmp_path: Path) -> None:
    options, folder = EngineOptions(), tmp_path / "voices"
    enroller = load_enroller(options, load_synthesiser(options))
    shelf = load_shelf(enroller, folder)
    enrolled = run_enrolment(enroller.begin("anna", lambda: read_sound(CLIP, 60.0)))
    shelf.save(shelf.stored(enrolled, CONSENT, ""))
    for voice, out in ((str(CLIP), "a.wav"), ("anna", "b.wav"), ("ada", "c.wav"), ("ada+anna:0.5", "d.wav")):
        arguments = ("say", "Good morning.", "--voice", voice, "--voices", str(folder), "-o", str(tmp_path / out))
        assert main(arguments) == 0
    of_clip, of_kept, of_ada, mixed = (soundfile.read(tmp_path / f"{out}.wav")[0] for out in "abcd")
    assert np.array_equal(of_clip, of_kept)
    assert not np.array_equal(of_clip, of_ada)
    assert not np.array_equal(mixed, of_kept) and not np.array_equal(mixed, of_ada)


@pytest.mark.model
def test_say_with_what_is_no_voice_says_so_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def say(voice: str) -> tuple[str, ...]:
        return ("say", "hi", "--voice", voice, "--voices", str(tmp_path), "-o", str(tmp_path / "out.wav"))

    assert "is neither a voice nor a sound file" in error_of(capsys, *say("nobody"))
    assert "is neither a voice nor a sound file" in error_of(capsys, *say("none.wav"))
    assert "is no sound file" in error_of(capsys, *say(__file__))
    assert "no voice 'nobody'" in error_of(capsys, *say("ada+nobody"))
    assert "is no positive number" in error_of(capsys, *say("ada:none+ben"))
    (tmp_path / "short.wav").write_bytes(b"")
    soundfile.write(tmp_path / "short.wav", np.full(800, 0.1, np.float32), 16_000)
    assert "the least" in error_of(capsys, *say(str(tmp_path / "short.wav")))
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    assert main(say("broken")) == 1
    assert "is no voice" in capsys.readouterr().err
    assert not (tmp_path / "out.wav").exists()
