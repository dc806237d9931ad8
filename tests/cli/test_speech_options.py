from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.cli import main
from voxduct.cli.arguments import Parser, add_engine_options, add_speech_options, engine_options

TEXT = "The weather turned colder in the evening, and the wind came up from the sea. We walked home."


def test_speech_options_become_those_of_the_engine() -> None:
    parser = Parser()
    add_engine_options(parser)
    add_speech_options(parser)
    plain = engine_options(parser.parse_args([]))
    assert (plain.breath, plain.room) == (False, 0.0)
    asked = engine_options(parser.parse_args(["--breath", "--room", "0.3"]))
    assert (asked.breath, asked.room) == (True, 0.3)


@pytest.mark.parametrize("command", [("say", "hi"), ("serve",)])
@pytest.mark.parametrize("room", ["1.5", "-0.1", "nan", "large"])
def test_room_that_is_no_share_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], room: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main((*command, "--room", room))
    assert end.value.code == 2
    assert "--room" in capsys.readouterr().err


@pytest.mark.model
def test_say_with_breath_and_room_sounds_otherwise_and_lasts_longer(tmp_path: Path) -> None:
    def said(name: str, *options: str) -> np.ndarray:
        assert main(("say", TEXT, "-o", str(tmp_path / name), *options)) == 0
        samples: np.ndarray = soundfile.read(tmp_path / name)[0]
        return samples

    dry, room, breath = said("a.wav"), said("b.wav", "--room", "0.3"), said("c.wav", "--breath")
    assert len(room) - len(dry) == pytest.approx(0.26 * 16_000, abs=1)
    assert 0.2 * 16_000 < len(breath) - len(dry) < 0.6 * 16_000
