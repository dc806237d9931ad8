from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_timbre import BRIGHT, CODES, SAYS, portrait, sound
from voxduct.continuation.kept_timbre import MOST_SEMITONES, KeptTimbre
from voxduct.models import Floats, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.shaping.timbre import Portrait


def books(prompt: Floats, drawn: Floats) -> CodeVectors:
    """Codes 0 to 511 are the prompt's sounds, those after them the drawn ones; the second book says nothing."""
    table = np.concatenate([prompt, drawn, (prompt + drawn) / 2])
    return CodeVectors(np.stack([table, np.zeros_like(table)]), SAYS)


def codes(first: int, count: int) -> Ints:
    return np.stack([np.arange(first, first + count), np.zeros(count, np.int64)])


def kept(pitch: float, bright: float) -> tuple[Portrait, Portrait]:
    """How a prompt sounds, and what is kept of a continuation at 40 semitones without brightness."""
    prompt = sound(np.random.default_rng(1), 40.0 + pitch, bright, 0.0)
    vectors = books(prompt, sound(np.random.default_rng(0), 40.0, 0.0, 0.0))
    keeper = KeptTimbre(codes(0, CODES), vectors)
    made = [keeper.keep(frame) for frame in codes(CODES, CODES).T]
    heard, said = portrait(prompt), Portrait.of(np.stack(made[100:], axis=1), vectors)
    assert said is not None
    return heard, said


def test_kept_timbre_that_drifted_is_brought_back() -> None:
    heard, said = kept(3.0, 9.0)
    assert said.pitch == pytest.approx(heard.pitch, abs=1.0)
    assert said.voiced.mean[BRIGHT] == pytest.approx(heard.voiced.mean[BRIGHT], abs=2.0)


def test_kept_timbre_moves_pitch_by_no_more_than_a_drift() -> None:
    heard, said = kept(12.0, 0.0)
    assert heard.pitch == pytest.approx(52.0, abs=0.5)
    assert said.pitch == pytest.approx(40.0 + MOST_SEMITONES, abs=2.5)


def test_kept_timbre_begins_with_what_was_drawn() -> None:
    prompt = sound(np.random.default_rng(1), 43.0, 9.0, 0.0)
    keeper = KeptTimbre(codes(0, CODES), books(prompt, sound(np.random.default_rng(0), 40.0, 0.0, 0.0)))
    drawn = codes(CODES, 5).T
    assert [keeper.keep(frame).tolist() for frame in drawn] == drawn.tolist()


@pytest.mark.parametrize("known", [False, True])
def test_kept_timbre_where_nobody_knows_what_it_is_changes_nothing(known: bool) -> None:
    vectors = books(*(sound(np.random.default_rng(seed), 40.0, 0.0, 0.0) for seed in (0, 1))) if known else None
    keeper = KeptTimbre(codes(0, 3), vectors)  # or a prompt that is too short to tell
    drawn = codes(CODES, 60).T
    assert [keeper.keep(frame).tolist() for frame in drawn] == drawn.tolist()
