"""`bench codec`: what clips through codecs add up to, the table, missing peers, and the command itself."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.bench import codec, codec_plot, coders
from voxduct.bench.clips import Clip, read_sound
from voxduct.bench.codec_scores import OTHER_EAR, OUR_EAR, ClipScore, mean, row, table
from voxduct.bench.fidelity import aligned
from voxduct.bench.scoring import WordErrors
from voxduct.cli import main
from voxduct.errors import ExtraError, HubError
from voxduct.loading import EngineOptions

DEMO = Path(__file__).parents[2] / "benchmarks" / "data" / "demo"
ORIGINALS = {OUR_EAR: WordErrors(words=10, substitutions=1)}


def score_of(**changed: object) -> ClipScore:
    given: dict[str, object] = {
        "seconds": 2.0, "bits": 4000, "encode_s": 0.02, "decode_s": 0.04, "mel_distance": 0.5, "stoi": 0.9,
        "errors": {OUR_EAR: WordErrors(words=10, deletions=3)}, **changed,
    }  # fmt: skip
    return ClipScore(**given)  # type: ignore[arg-type]


class Passing:
    """A codec that adds noise of a level, and `lag` samples before all."""

    def __init__(self, level: float = 0.0, lag: int = 0) -> None:
        self.name, self.lags, self._level, self._lag = f"passing-{level:g}", lag != 0, level, lag

    def encode(self, samples: np.ndarray) -> object:
        return samples

    def bits(self, coded: object) -> int:
        assert isinstance(coded, np.ndarray)
        return 16 * len(coded)

    def decode(self, coded: object) -> np.ndarray:
        assert isinstance(coded, np.ndarray)
        noise = np.random.default_rng(0).normal(0, self._level, len(coded)).astype(np.float32)
        return np.concatenate([np.zeros(self._lag, np.float32), coded + noise])

    def startup_s(self) -> float:
        return 0.0


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    sound = read_sound(DEMO / "demo-00.opus")[:24_000]
    soundfile.write(tmp_path / "clip.wav", sound, 16_000, subtype="FLOAT")
    return Clip(tmp_path / "clip.wav", "alpha bravo")


def test_row_sums_bits_and_time_over_seconds_and_word_errors_over_clips() -> None:
    found = row("one", [score_of(), score_of(bits=8000, errors={OUR_EAR: WordErrors(words=10)})], ORIGINALS)
    assert (found["kbps"], found["encode_ms"], found["decode_ms"]) == (3.0, 10.0, 20.0)
    assert (found["wer"], found["wer_loss"]) == (0.15, 0.05)


def test_row_of_what_was_not_measured_is_none_and_never_zero() -> None:
    found = row("one", [score_of(stoi=None), score_of(stoi=None)], ORIGINALS)
    assert found["stoi"] is None and found["pesq"] is None and found["wer_pocketsphinx"] is None
    assert found["wer_loss_pocketsphinx"] is None


def test_mean_leaves_out_what_is_unknown_or_no_number() -> None:
    assert mean([1.0, None, float("nan"), 3.0]) == 2.0
    assert mean([None]) is None


def test_table_has_a_dash_for_one_unknown_and_no_column_for_what_nobody_measured() -> None:
    rows = [row("one", [score_of(pesq=2.5)], ORIGINALS), row("other", [score_of()], ORIGINALS)]
    head, one, other, missing = table(rows, {"opus": "ffmpeg is not installed"})
    assert head.split() == ["codec", "kbps", "mel", "stoi", "pesq", "encode_ms", "decode_ms", "wer", "wer_loss"]
    assert one.split() == ["one", "2.00", "0.500", "0.900", "2.50", "10.0", "20.0", "0.300", "+0.200"]
    assert other.split()[4] == "-"
    assert missing == "missing: opus: ffmpeg is not installed"


def test_measure_of_a_codec_that_changes_nothing_finds_no_distance_and_no_loss(clip: Clip) -> None:
    judges = codec.Judges({}, {OUR_EAR: lambda samples: "alpha"}, {})
    noisy, late = Passing(0.05), Passing(lag=200)
    found = codec.measure([clip], [Passing(), noisy, late], judges, {"lyra": "not pulled"})
    same, worse, shifted = found.rows
    assert (same["kbps"], same["mel_distance"], same["wer"], same["wer_loss"]) == (256.0, 0.0, 0.5, 0.0)
    assert isinstance(worse["mel_distance"], float) and worse["mel_distance"] > 0.5
    assert shifted["mel_distance"] == 0.0
    assert found.figures()["missing"] == {"lyra": "not pulled"}
    assert found.summary["wer_original"] == 0.5 and found.summary["wer_original_pocketsphinx"] is None


def test_judges_that_are_not_installed_are_missing_with_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise ExtraError("pip install 'voxduct[bench]'")

    monkeypatch.setattr(codec, "MEASURES", {"stoi": absent, "pesq": absent})
    monkeypatch.setattr(codec, "pocketsphinx_ear", lambda: None)
    found = codec.find_judges(lambda samples: "")
    assert found.missing.keys() == {"stoi", "pesq", OTHER_EAR}
    assert not found.measures and found.ears.keys() == {OUR_EAR}


def test_coders_that_are_not_here_are_missing_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_pulled(*_: object) -> None:
        raise HubError("`voxduct models pull lyra-soundstream`")

    monkeypatch.setattr(coders, "load_lyra", not_pulled)
    monkeypatch.setattr("shutil.which", lambda program: None)
    found, missing = coders.find_coders(("lyra", "opus"), EngineOptions(), None)
    assert not found
    assert "models pull" in missing["lyra"] and "ffmpeg" in missing["opus"]


def test_opus_of_a_program_that_lacks_it_is_missing_with_what_the_program_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'Unknown encoder libopus' >&2\nexit 8\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(program))
    found, missing = coders.find_coders(("opus",), EngineOptions(), None)
    assert not found and "Unknown encoder libopus" in missing["opus"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_opus_sends_about_its_rate_and_comes_back_in_place() -> None:
    found, missing = coders.find_coders(("opus",), EngineOptions(), None)
    if missing:
        pytest.skip(missing["opus"])
    samples = read_sound(DEMO / "demo-00.opus")
    results = codec.measure([Clip(DEMO / "demo-00.opus", "")], found, codec.Judges({}, {}, {}), {})
    for one, kbps in zip(results.rows, coders.OPUS_KBPS, strict=True):
        assert isinstance(one["kbps"], float) and kbps * 0.7 < one["kbps"] < kbps * 1.2
    back = found[1].decode(found[1].encode(samples))
    assert np.corrcoef(samples, aligned(samples, back))[0, 1] > 0.8


def test_plot_without_matplotlib_raises_extra_error_naming_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExtraError, match=r"matplotlib.*voxduct\[bench\]"):
        codec_plot.plot([row("one", [score_of()], ORIGINALS)], tmp_path / "plot.png")


def test_plot_families_join_rates_of_a_codec_in_order() -> None:
    rows = [row("lyra-6", [score_of(bits=12_000)], ORIGINALS), row("lyra-3.2", [score_of(bits=6_400)], ORIGINALS)]
    assert codec_plot.families(rows, "stoi") == {"lyra": [(3.2, 0.9), (6.0, 0.9)]}
    assert codec_plot.families(rows, "pesq") == {}


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_plot_writes_a_picture(tmp_path: Path) -> None:
    codec_plot.plot([row("one", [score_of()], ORIGINALS)], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.model
def test_bench_codec_of_two_short_clips_prints_a_table_and_ends_with_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(codec, "pocketsphinx_ear", lambda: None)
    for number in range(2):
        sound = read_sound(DEMO / f"demo-0{number}.opus")[:24_000]
        soundfile.write(tmp_path / f"clip-{number}.wav", sound, 16_000)
    (tmp_path / "transcripts.tsv").write_text("clip-0\talpha bravo\nclip-1\tcharlie\n", encoding="utf-8")
    kept = tmp_path / "out.json"
    assert main(["bench", "codec", "--clips", str(tmp_path), "--codecs", "voxduct", "--json", str(kept)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert lines[0].split()[:2] == ["codec", "kbps"] and lines[1].startswith("voxduct")
    assert json.loads(kept.read_text()) == found
    assert (found["bench"], found["clips"], found["audio_s"], found["words"]) == ("codec", 2, 3.0, 3)
    *coarser, ours = found["codecs"]
    assert [one["kbps"] for one in coarser] == pytest.approx([1.0, 1.5], rel=0.05)
    assert coarser[0]["mel_distance"] > coarser[1]["mel_distance"] > ours["mel_distance"]
    assert 1 < ours["kbps"] < 4 and 0 < ours["mel_distance"] < 5 and ours["encode_ms"] > 0
    assert ours["wer_loss_pocketsphinx"] is None and OTHER_EAR in found["missing"]


def test_bench_codec_of_an_unknown_codec_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "codec", "--codecs", "voxduct,mp3"])
    assert ended.value.code == 2 and "mp3 is none of" in capsys.readouterr().err
