"""Which parts are measured, what is said to be missing, and what is printed last; no model and no server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.fakes_speaking import fake_synthesiser
from voxduct.bench import flite
from voxduct.bench.results import Figures
from voxduct.cli import bench_tts, build_parser, main
from voxduct.cli.bench_tts import Bench


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were measured, in order; each finds that it was."""
    measured: list[str] = []

    def part(name: str) -> Callable[[Bench], Figures]:
        def measure(bench: Bench) -> Figures:
            measured.append(name)
            bench.details.append(f"{name}\n")
            return {name: bench.options.clients}

        return measure

    monkeypatch.setattr(bench_tts, "PARTS", {name: part(name) for name in bench_tts.PARTS})
    monkeypatch.setattr(bench_tts, "load_own_synthesiser", lambda options: fake_synthesiser())
    monkeypatch.setattr(flite, "installed", lambda: True)
    monkeypatch.setattr(bench_tts, "find_spec", lambda name: name)
    return measured


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["bench", "tts", *arguments]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_bench_tts_without_parts_measures_sentences(capsys: pytest.CaptureFixture[str], measured: list[str]) -> None:
    assert figures(capsys) == {"bench": "tts", "voice": "ada", "sentences": 8}
    assert measured == ["sentences"]


def test_bench_tts_parts_are_those_named_in_their_own_order(
    capsys: pytest.CaptureFixture[str], measured: list[str]
) -> None:
    found = figures(capsys, "--parts", "items", "flatness", "--clients", "3", "--voice", "ben")
    assert found == {"bench": "tts", "voice": "ben", "flatness": 3, "items": 3}
    assert measured == ["flatness", "items"]


def test_bench_tts_all_parts_are_every_one(capsys: pytest.CaptureFixture[str], measured: list[str]) -> None:
    figures(capsys, "--parts", "all")
    assert measured == [*bench_tts.PARTS] and len(measured) == 9


def test_bench_tts_unknown_part_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "tts", "--parts", "sentence"])
    assert ended.value.code == 2
    assert "underruns" in capsys.readouterr().err


def test_bench_tts_unknown_voice_ends_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str], measured: list[str]
) -> None:
    assert main(["bench", "tts", "--voice", "nobody"]) != 0
    assert "ada" in capsys.readouterr().err
    assert not measured


def test_bench_tts_details_are_the_lines_of_all_parts(
    capsys: pytest.CaptureFixture[str], measured: list[str], tmp_path: Path
) -> None:
    figures(capsys, "--parts", "sentences", "items", "--details", str(tmp_path / "lines"))
    assert (tmp_path / "lines").read_text().split() == ["sentences", "items"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["PocketSphinx"]),
        (("--parts", "seams"), []),
        (("--parts", "beside"), ["PocketSphinx", "flite"]),
        (("--parts", "prosody"), ["flite"]),
        (("--parts", "memory", "first_audio", "--url", "http://127.0.0.1:1"), ["memory", "cold"]),
    ],
)
def test_bench_tts_names_what_is_missing(
    capsys: pytest.CaptureFixture[str],
    measured: list[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: list[str],
) -> None:
    monkeypatch.setattr(flite, "installed", lambda: False)
    monkeypatch.setattr(bench_tts, "find_spec", lambda name: None)
    missing = str(figures(capsys, *arguments).get("missing", ""))
    assert [part.split()[0] for part in missing.split("; ") if part] == expected


def test_bench_tts_prosody_has_figures_of_each_voice_of_flite_and_of_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_tts, "load_own_synthesiser", lambda options: fake_synthesiser())
    monkeypatch.setattr(flite, "installed", lambda: True)
    monkeypatch.setattr(flite, "read_aloud", lambda voice, text: np.ones(1600, np.float32))
    monkeypatch.setattr(flite, "phone_seconds", lambda voice, text: [("ah", 0.1), ("pau", 0.2), ("b", 0.3)])
    soundfile.write(tmp_path / "one.wav", np.ones(16000), 16000)
    (tmp_path / "transcripts.tsv").write_text("one\tThe cat.\n")
    sheets: list[list[str]] = []
    monkeypatch.setattr(bench_tts, "require_matplotlib", lambda option: None)
    monkeypatch.setattr(
        bench_tts, "draw_sheet", lambda path, panels, columns: sheets.append([one.title for one in panels])
    )
    asked = ["--parts", "prosody", "--voices", "ben", "ada", "--count", "1", "--people", str(tmp_path)]
    found = figures(capsys, *asked, "--sheet", str(tmp_path / "sheet.png"))
    assert {name.removesuffix("_pitch_hz") for name in found if name.endswith("pitch_hz")} == {
        "prosody_ben", "prosody_ada", "prosody_flite_slt", "prosody_people",
    }  # fmt: skip
    assert (found["prosody_flite_slt_phone_cv"], found["prosody_people_phone_cv"]) == (0.5, None)
    assert sheets == [["person: The cat.", "ada: The cat.", "flite_slt: The cat."]]


def test_bench_tts_a_thousand_items_and_eight_clients_are_the_default() -> None:
    options = build_parser().parse_args(["bench", "tts"])
    assert (options.items, options.clients, options.minutes) == (1000, 8, 1.0)
