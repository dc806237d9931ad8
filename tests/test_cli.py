from __future__ import annotations

import io
import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.cli import build_parser, main
from voxduct.cli.arguments import engine_arguments, engine_options

TOP = Path(__file__).parents[1]
CLIP = TOP / "benchmarks" / "data" / "demo" / "demo-00.opus"


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros((44_100, 2), np.float32), 44_100)
    return path


def code_of(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:  # argparse
        return int(end.code or 0)


def assert_one_line_error(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert printed.err.startswith("voxduct")
    for word in words:
        assert word in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("transcribe",),
        ("transcribe", "--json", "--srt", "a.wav"),
        ("say",),
        ("serve", "--port", "70000"),
        ("serve", "--vad", "ears"),
        ("serve", "--delay", "100"),
        ("bench", "latency", "--sessions", "0"),
        ("codec", "encode", "only-one"),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert code_of(*arguments) == 2
    assert_one_line_error(capsys, "--help")


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--version") == 0
    assert capsys.readouterr().out.startswith("voxduct ")


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("serve", "transcribe", "say", "codec", "models", "bench", "demo"):
        assert code_of(command, "--help") == 0
        assert command in capsys.readouterr().out


def test_serving_others_without_a_token_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOXDUCT_TOKEN", raising=False)
    assert code_of("serve", "--host", "0.0.0.0") == 2
    assert_one_line_error(capsys, "token")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--second-beam", "4"), "--second-asr"),
        (("--second-asr", "default", "--workers", "1"), "--workers 2"),
    ],
)
def test_second_pass_that_could_never_run_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], what: str
) -> None:
    assert code_of("serve", *arguments) == 2
    assert_one_line_error(capsys, what)


def test_token_file_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert code_of("serve", "--token-file", str(tmp_path / "none")) == 2
    assert_one_line_error(capsys, str(tmp_path / "none"))


def test_missing_recording_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert code_of("transcribe", str(tmp_path / "none.wav")) == 2
    assert_one_line_error(capsys, "none.wav is not there")


def test_recording_that_is_no_sound_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("transcribe", str(TOP / "pyproject.toml")) == 2
    assert_one_line_error(capsys, "pyproject.toml is no sound file")


def test_unknown_model_ends_with_1(capsys: pytest.CaptureFixture[str], silence: Path) -> None:
    assert code_of("transcribe", "--asr", "nonsense", str(silence)) == 1
    assert_one_line_error(capsys, "nonsense", "voxduct-tiny-en")


def test_corrupt_model_ends_with_1_and_names_the_file(
    capsys: pytest.CaptureFixture[str], silence: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    manifest = {"name": "m", "kind": "asr", "version": "1", "license": "MIT", "files": {"config.json": "0" * 64}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert code_of("transcribe", "--asr", str(folder), str(silence)) == 1
    assert_one_line_error(capsys, "config.json is corrupt")


def test_models_list_is_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("models", "list", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"asr", "codec", "codec-lm", "continuation", "g2p"} == {row["kind"] for row in rows}


@pytest.mark.model
def test_transcribe_json_is_one_object_per_file_in_order(capsys: pytest.CaptureFixture[str], silence: Path) -> None:
    assert code_of("transcribe", "--json", str(CLIP), str(silence)) == 0
    printed = capsys.readouterr()
    clip, nothing = (json.loads(line) for line in printed.out.splitlines())
    assert list(clip) == ["file", "text", "duration", "language", "segments", "words"]
    assert clip["duration"] == pytest.approx(soundfile.info(CLIP).duration, abs=0.01)
    assert " ".join(word["word"] for word in clip["words"]) == clip["text"]
    assert all(0 <= word["start"] <= word["end"] <= clip["duration"] + 0.5 for word in clip["words"])
    assert [(one["language"], one["language_probability"]) for one in clip["segments"]] == [("en", 1.0)]
    assert 0.0 < clip["segments"][0]["confidence"] <= 1.0
    assert nothing["text"] == ""
    assert nothing["segments"] == nothing["words"] == []
    assert nothing["duration"] == 1.0


@pytest.mark.model
def test_transcribe_stream_keeps_stdout_for_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("transcribe", "--json", "--stream", str(CLIP)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.model
def test_say_is_reproducible_and_writes_a_wav(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    for path, seed in zip(paths, ("7", "7", "8"), strict=True):
        assert code_of("say", "Good morning to you.", "-o", str(path), "--seed", seed, "--json") == 0
    with wave.open(str(paths[0])) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        assert sound.getnframes() > 1_600
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert row["file"] == str(paths[0])


@pytest.mark.model
def test_say_words_are_where_they_are_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.wav"
    text = "Good morning everyone, and welcome. Please send the report before Friday. We shall meet again after lunch."
    assert code_of("say", text, "-o", str(path), "--words") == 0
    row = json.loads(capsys.readouterr().out)
    said = row["words"]
    assert " ".join(word["word"] for word in said) == text.lower().replace(",", "").replace(".", "")
    assert all(0 <= word["start"] < word["end"] <= row["duration"] for word in said)
    assert code_of("transcribe", "--json", str(path)) == 0
    heard = {re.sub(r"\W", "", word["word"]).lower(): word for word in json.loads(capsys.readouterr().out)["words"]}
    both = [(word, heard[word["word"]]) for word in said if word["word"] in heard]
    assert len(both) >= 6
    late = sorted(abs(one["start"] - other["start"]) for one, other in both)
    assert late[len(late) // 2] < 0.06  # our recogniser itself is 23 ms off in the median
    assert late[-1] < 0.3


@pytest.mark.model
def test_say_reads_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Hello."))
    assert code_of("say", "-", "-o", str(tmp_path / "a.wav")) == 0
    assert soundfile.info(tmp_path / "a.wav").duration > 0.1


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [(("say", "", "-o", "OUT"), 2, "spoken"), (("say", "hi", "--voice", "nobody", "-o", "OUT"), 2, "nobody")],
)
def test_say_of_what_cannot_be_said_is_wrong_use(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    out = tmp_path / "out.wav"
    assert code_of(*[str(out) if argument == "OUT" else argument for argument in arguments]) == code
    assert_one_line_error(capsys, word)
    assert not out.exists()


@pytest.mark.model
def test_say_to_a_folder_that_is_not_there_fails_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert code_of("say", "hi", "-o", str(tmp_path / "none" / "out.wav")) == 1
    assert_one_line_error(capsys, "No such file or directory", "out.wav")


@pytest.mark.model
def test_codec_round_trip_keeps_the_length(tmp_path: Path) -> None:
    codes, back = tmp_path / "a.codes", tmp_path / "a.wav"
    assert code_of("codec", "encode", str(CLIP), str(codes)) == 0
    assert code_of("codec", "decode", str(codes), str(back)) == 0
    assert soundfile.info(back).frames == pytest.approx(soundfile.info(CLIP).duration * 16_000, abs=2)
    assert codes.stat().st_size < 400 * soundfile.info(CLIP).duration


def test_parser_keeps_the_documented_commands() -> None:
    parser = build_parser()
    for line in (
        "serve --host ::1 --port 0 --asr m --tts m --vad webrtc --device cuda --delay 900 --voices folder",
        "transcribe --json --words --stream --asr m --delay 900 a.wav b.wav",
        "transcribe --vtt a.wav",
        "say hello -o out.wav --voice ada --seed 3",
        "say hello -o out.wav --voice clip.wav --voices folder --words",
        "codec encode in.wav out",
        "codec decode in out.wav --codec folder:fp16",
        "codec compare in.wav --codec voxduct --codec folder --rounds 3 --json",
        "models list",
        "models verify",
        "bench latency --json --sessions 4 --speaking 1",
        "bench wer --json --clips folder",
        "bench tts --json",
        "bench tts --parts all --clients 4 --minutes 10 --starts 3 --items 60 --seed 1 --details file",
        "demo",
    ):
        parser.parse_args(line.split())


def test_delay_reaches_the_engine_and_a_server_of_its_own() -> None:
    options = build_parser().parse_args("bench latency --delay 900".split())
    assert engine_options(options).delay_ms == 900
    assert engine_arguments(options)[-2:] == ["--delay", "900"]
    assert "--delay" not in engine_arguments(build_parser().parse_args(["serve"]))
