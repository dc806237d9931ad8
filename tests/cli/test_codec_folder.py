"""`voxduct codec --codec FOLDER` and `voxduct codec compare` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.codec_graphs import write_codec, write_config, write_decoder
from voxduct.bench.mel import mel_distance
from voxduct.cli import main

RATE = 8000  # of the codec in the tests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_codec(tmp_path / "codec")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A slow rise, at another rate than the codec's, in two channels."""
    rise = np.linspace(0, 0.9, 44_100 // 2, dtype=np.float32)
    soundfile.write(tmp_path / "clip.wav", np.stack([rise, rise], axis=1), 44_100)
    return tmp_path / "clip.wav"


def code_of(*arguments: object) -> int:
    try:
        return main([str(one) for one in arguments])
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def test_codec_folder_round_trip_keeps_length_and_takes_the_codecs_rate(
    folder: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes, back = tmp_path / "a.codes", tmp_path / "a.wav"
    assert code_of("codec", "encode", clip, codes, "--codec", folder) == 0
    assert "0.50 s in" in capsys.readouterr().err
    assert json.loads(codes.read_bytes().partition(b"\n")[0])["codec"] == "dac"
    assert code_of("codec", "decode", codes, back, "--codec", folder) == 0
    assert (soundfile.info(back).frames, soundfile.info(back).samplerate) == (RATE // 2, RATE)


@pytest.mark.model
def test_codec_folder_of_the_embedded_codec_is_the_embedded_codec(clip: Path, tmp_path: Path) -> None:
    own = Path(__file__).parents[2] / "models_onnx" / "voxduct-codec-16k"
    assert code_of("codec", "encode", clip, tmp_path / "one", "--codec", own) == 0
    assert code_of("codec", "encode", clip, tmp_path / "two") == 0
    one, two = ((tmp_path / name).read_bytes().partition(b"\n")[2] for name in ("one", "two"))
    assert one == two
    assert code_of("codec", "decode", tmp_path / "one", tmp_path / "back.wav") == 0


@pytest.mark.parametrize(("wanted", "code", "message"), [
    ("nowhere", 1, "neither a folder nor an embedded codec"),
    ("owner/name", 1, "neither a folder nor an embedded codec"),
    ("{folder}:int8", 1, "has no int8; it has fp32"),
    ("{folder}/onnx", 1, "neither config.json nor codec.json"),
])  # fmt: skip
def test_codec_that_is_not_there_fails_saying_what_is(
    folder: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: str, code: int, message: str
) -> None:
    assert code_of("codec", "encode", clip, tmp_path / "out", "--codec", wanted.format(folder=folder)) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_codes_of_another_codec_are_wrong_use(
    folder: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = tmp_path / "a.codes"
    assert code_of("codec", "encode", clip, codes, "--codec", folder) == 0
    assert code_of("codec", "decode", codes, tmp_path / "a.wav") == 2
    assert "codec: dac, not voxduct" in capsys.readouterr().err
    write_config(folder, {"cardinality": 8}, "codec.json")
    assert code_of("codec", "decode", codes, tmp_path / "a.wav", "--codec", folder) == 2
    assert "cardinality: 16, not 8" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:20], lambda data: b""])
def test_damaged_codes_are_wrong_use(folder: Path, clip: Path, tmp_path: Path, damage: object) -> None:
    codes = tmp_path / "a.codes"
    assert code_of("codec", "encode", clip, codes, "--codec", folder) == 0
    codes.write_bytes(damage(codes.read_bytes()))  # type: ignore[operator]
    assert code_of("codec", "decode", codes, tmp_path / "a.wav", "--codec", folder) == 2
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("action", ["encode", "compare"])
def test_empty_recording_is_wrong_use(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), 16_000)
    out = [tmp_path / "out"] if action == "encode" else []
    assert code_of("codec", action, tmp_path / "empty.wav", *out, "--codec", folder) == 2
    assert "no sound to encode" in capsys.readouterr().err


@pytest.mark.model
def test_compare_prints_a_row_for_each_codec(folder: Path, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("codec", "compare", clip, "--codec", "voxduct", "--codec", folder, "--rounds", 2) == 0
    head, own, other = capsys.readouterr().out.splitlines()
    assert head.split() == ["codec", "kbit/s", "mel", "distance", "encode", "RTF", "decode", "RTF"]
    assert own.split()[:2] == ["voxduct", "2.00"]
    assert other.split()[:2] == [str(folder), "3.20"]


def test_compare_json_is_one_object_a_line(folder: Path, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("codec", "compare", clip, "--json", "--codec", folder) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["codec"], row["family"], row["kbps"], row["books"]) == (str(folder), "dac", 3.2, 1)
    assert row["seconds"] == pytest.approx(0.5)
    assert row["mel_distance"] >= 0 and row["encode_rtf"] > 0 and row["decode_rtf"] > 0


@pytest.mark.model
def test_compare_ends_before_any_work_where_one_codec_is_not_there(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("codec", "compare", clip, "--codec", "voxduct", "--codec", "nowhere") == 1
    assert capsys.readouterr().out == ""


def test_compare_with_half_a_codec_fails_saying_which(
    folder: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_decoder(folder)
    (folder / "onnx/encoder_model.onnx").unlink()
    assert code_of("codec", "compare", clip, "--codec", folder) == 1
    assert "has no encoder" in capsys.readouterr().err


def test_mel_distance_of_a_sound_to_itself_is_nothing_and_grows_with_noise() -> None:
    random = np.random.default_rng(0)
    sound = random.normal(0, 0.1, 16_000).astype(np.float32)
    little, much = (random.normal(0, level, 16_000).astype(np.float32) for level in (0.01, 0.1))
    assert mel_distance(sound, sound) == 0
    assert 0 < mel_distance(sound, sound + little) < mel_distance(sound, sound + much)
    assert mel_distance(sound[:100], sound[:50]) > 0  # shorter than a window
