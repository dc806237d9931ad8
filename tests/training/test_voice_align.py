"""Forced alignment: borders, pauses that are not there, the shortest phone, clips too short for their text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from voxduct_training.code_lm_model import PHONES
from voxduct_training.voice_align import MINIMUM, align, one_pause, viterbi
from voxduct_training.voice_aligner import HOP, IDS, cepstra, example, lines


def heard(frames: dict[str, int]) -> np.ndarray:
    """Log posteriors [frames, PHONES] of phones that last so many frames each."""
    ids = np.repeat([IDS[p] for p in frames], list(frames.values()))
    found = np.full((len(ids), len(PHONES)), np.log(1e-3))
    found[np.arange(len(ids)), ids] = np.log(0.9)
    return found


def borders(phones: list[str], frames: dict[str, int]) -> list[tuple[str, int]] | None:
    """(phone, frame where it ends) of phones aligned with what is heard."""
    found = align(phones, heard(frames), np.zeros(len(PHONES)))
    return None if found is None else [(p, end // HOP) for p, end in found.phones]


def test_align_of_clear_frames_finds_their_borders() -> None:
    frames = {"pau": 4, "s": 7, "iy": 3, "k": 9}
    assert borders(["pau", "s", "iy", "k"], frames) == [("pau", 4), ("s", 11), ("iy", 14), ("k", 23)]


@pytest.mark.parametrize("pause", [0, 6])
def test_align_with_pause_inside_keeps_it_only_where_it_is_heard(pause: int) -> None:
    frames = {"s": 5, "iy": 5, "pau": pause, "k": 5, "ow": 5}
    found = borders(["s", "iy", "pau", "k", "ow"], frames)
    assert found is not None
    assert [p for p, _ in found] == ["s", "iy", *["pau"] * (pause > 0), "k", "ow"]
    assert found[1:] == [("iy", 10), *[("pau", 16)] * (pause > 0), ("k", 15 + pause), ("ow", 20 + pause)]


def test_align_without_silence_at_the_ends_keeps_their_pauses() -> None:
    found = borders(["pau", "s", "iy", "pau"], {"s": 8, "iy": 8})
    assert found == [("pau", MINIMUM), ("s", 8), ("iy", 16 - MINIMUM), ("pau", 16)]


def test_align_of_phone_not_heard_gives_it_the_minimum() -> None:
    found = borders(["s", "m", "iy"], {"s": 8, "iy": 8})
    assert found is not None
    assert np.diff([end for _, end in found], prepend=0).min() == MINIMUM


def test_align_with_wrong_phones_costs_more_at_the_worst_of_them() -> None:
    posteriors, prior = heard({"pau": 4, "s": 8, "iy": 8, "k": 8, "ow": 8}), np.zeros(len(PHONES))
    right = align(["pau", "s", "iy", "k", "ow"], posteriors, prior)
    wrong = align(["pau", "m", "m", "m", "s", "iy", "k", "ow"], posteriors, prior)
    assert right is not None and wrong is not None
    assert right.worst < 0.2 and wrong.worst > 5
    assert right.cost < wrong.cost < wrong.worst


def test_viterbi_with_too_few_frames_finds_no_path() -> None:
    optional = np.array([False, True, False])
    assert viterbi(np.zeros((2 * MINIMUM - 1, 3)), optional) is None
    path = viterbi(np.zeros((2 * MINIMUM, 3)), optional)
    assert path is not None
    assert path.tolist() == [0] * MINIMUM + [2] * MINIMUM


def test_one_pause_surrounds_and_merges_pauses_only() -> None:
    assert one_pause(["d", "d", "pau", "pau", "s"]) == ["pau", "d", "d", "pau", "s", "pau"]
    assert one_pause(["pau", "s", "pau"]) == ["pau", "s", "pau"]


def test_example_of_altered_copy_keeps_the_share_of_every_phone() -> None:
    rng = np.random.default_rng(0)
    line = {"phones": [["pau", 4000], ["s", 12000], ["iy", 15900]]}
    found, ids = example(line, rng.standard_normal(16000).astype(np.float32), rng)
    assert len(found) == len(ids)
    np.testing.assert_allclose([(ids == IDS[p]).mean() for p in ("pau", "s", "iy")], [0.25, 0.5, 0.25], atol=0.03)


def test_cepstra_of_speech_ignore_loudness() -> None:
    audio = np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    np.testing.assert_allclose(cepstra(audio), cepstra(3 * audio), atol=2e-2)
    assert len(cepstra(audio)) == 100


def test_lines_of_growing_index_leave_out_the_unfinished_one(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text(json.dumps({"at": 0}) + '\n{"at": 1', encoding="utf-8")
    assert lines(tmp_path / "index.jsonl") == [{"at": 0}]
