"""The recipe of the grapheme-to-phoneme model: sources to lexicon, pairs to batches, a few steps, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from voxduct.onnx.g2p import OnnxG2p, read_lexicon
from voxduct_training import lexicon
from voxduct_training.export_g2p import export
from voxduct_training.g2p_model import SLOTS, G2p, letter_ids
from voxduct_training.train_g2p import Profile, edits, greedy, is_held_out, pairs, schedule, train

FESTIVAL = """MNCL
("a" dt (((ax) 0)))
("a" n (((ey) 1)))
("record" n (((r eh) 1) ((k er d) 0)))
("record" v (((r ax) 0) ((k ao r d) 1)))
("Chaim" n (((ch ey m) 1)))
"""
CMUDICT = "zebra Z IY1 B R AH0\nzebra(2) Z EH1 B R AH0\nchaim HH AY1 M # name\ncup K AH1 P\ncat's K AE1 T S\n"


@pytest.fixture
def entries(tmp_path: Path) -> lexicon.Pronunciations:
    (tmp_path / "festival").write_text(FESTIVAL)
    (tmp_path / "cmudict").write_text(CMUDICT)
    (tmp_path / "additions").write_text("# ours\nvoxduct v aa k s d ah k t\n")
    return lexicon.build(tmp_path / "festival", tmp_path / "cmudict", tmp_path / "additions")


def test_lexicon_sources_are_joined_by_rank(entries: lexicon.Pronunciations) -> None:
    assert entries["zebra"] == ("z", "iy", "b", "r", "ax")
    assert entries["cup"] == ("k", "ah", "p")
    assert entries["chaim"] == ("ch", "ey", "m")
    assert entries["record/v"] == ("r", "ax", "k", "ao", "r", "d")
    assert entries["record"] == entries["record/n"] == ("r", "eh", "k", "er", "d")
    assert "cat's" not in entries
    assert "voxduct" in entries


def test_lexicon_written_file_reads_back(entries: lexicon.Pronunciations, tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt.xz"
    lexicon.write(entries, path)
    assert lexicon.read(path) == entries
    assert read_lexicon(tmp_path).phones("zebra") == entries["zebra"]


def test_lexicon_unknown_phone_raises_value_error(tmp_path: Path) -> None:
    (tmp_path / "festival").write_text('("odd" nil (((qq) 1)))\n')
    (tmp_path / "additions").write_text("")
    with pytest.raises(ValueError, match="odd"):
        lexicon.build(tmp_path / "festival", None, tmp_path / "additions")


def test_edits_counts_insertions_deletions_and_changes() -> None:
    assert edits([1, 2, 3], [1, 2, 3]) == 0
    assert edits([1, 3], [1, 2, 3]) == 1
    assert edits([1, 4, 3], [1, 2, 3]) == 1
    assert edits([], [1, 2]) == 2


def test_greedy_joins_repeats_and_drops_blanks_and_padding() -> None:
    logits = torch.nn.functional.one_hot(torch.tensor([0, 5, 5, 0, 5, 2, 7, 7]), 8).float()
    assert greedy(logits, 6) == [5, 5, 2]


def test_model_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = G2p(39, width=16, layers=1).eval()
    word = letter_ids("engine")
    alone = model(torch.tensor([word]))
    padded = model(torch.tensor([[*word, 0, 0]]))[:, : SLOTS * len(word)]
    assert torch.allclose(alone, padded, atol=1e-5)


def test_held_out_words_are_about_one_in_fifty_and_never_trained_on() -> None:
    words = [f"word{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(20) for b in range(20) for c in range(20)]
    assert 0.015 < sum(map(is_held_out, words)) / len(words) < 0.025
    few: lexicon.Pronunciations = {"".join(w): ("k", "ae", "t") for w in ("cat", "kat", "catt")}
    assert len(pairs(few, True)) + len(pairs(few, False)) == 3


def test_schedule_rises_stays_and_falls_to_nothing() -> None:
    assert schedule(0.0) < 0.2
    assert schedule(0.3) == 1.0
    assert schedule(1.0) == 0.0


def test_train_tiny_then_resumed_then_exported_runs_in_the_engine(tmp_path: Path) -> None:
    small: lexicon.Pronunciations = {word: ("k", "ae", "t") for word in "cat kat catt katt".split()}  # noqa: C420
    small |= {f"b{a}{b}": ("b", "ax") for a in "aeiou" for b in "aeiourst"}
    (tmp_path / "onnx").mkdir()
    lexicon.write(small, tmp_path / "lexicon.txt.xz")
    train(small, tmp_path, Profile(2, 16, 16, 1, 1e-3))
    figures = train(small, tmp_path, Profile(4, 16, 16, 1, 1e-3))
    assert 0 <= figures["words_wrong"] <= 1
    export(tmp_path / "model.pt", tmp_path / "lexicon.txt.xz", tmp_path)
    assert set(OnnxG2p(tmp_path).phonemes("cat")) <= set(lexicon.PHONES)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["kind"] == "g2p"
    assert {"config.json", "onnx/model.onnx", "lexicon.txt.xz"} <= set(manifest["files"])
    assert "README.md" not in manifest["files"]  # people edit cards
    assert "voxduct-g2p" in (tmp_path / "README.md").read_text(encoding="utf-8")
