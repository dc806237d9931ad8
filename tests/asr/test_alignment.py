from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asr.test_words import diagonal
from voxduct.asr.times.alignment import (
    KEPT_HEADS,
    _accumulate,
    clearness,
    median_filter,
    timing_heads,
    token_frames,
    warp,
)

EDGES = [0, 20, 45, 60, 100]


def slow_warp(costs: np.ndarray) -> float:
    total = np.full((costs.shape[0] + 1, costs.shape[1] + 1), np.inf)
    total[0, 0] = 0
    for i in range(costs.shape[0]):
        for j in range(costs.shape[1]):
            total[i + 1, j + 1] = costs[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return float(total[-1, -1])


def test_token_frames_of_clear_attention_are_its_edges() -> None:
    assert np.abs(token_frames(diagonal(EDGES)) - EDGES[:-1]).max() <= 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), tokens=st.integers(1, 8), frames=st.integers(1, 30))
def test_warp_any_costs_is_monotone_and_cheapest(seed: int, tokens: int, frames: int) -> None:
    costs = np.random.default_rng(seed).standard_normal((tokens, frames))
    assert _accumulate(costs)[-1, -1] == pytest.approx(slow_warp(costs))
    first = warp(costs)
    assert first[0] == 0
    assert np.all(np.diff(first) >= 0)
    assert first[-1] < frames


def test_median_filter_removes_a_spike_and_keeps_an_edge() -> None:
    row = np.array([[0.0] * 10 + [1.0] * 10])
    row[0, 4] = 9.0
    filtered = median_filter(row, 7)
    assert filtered[0, 4] == 0.0
    assert filtered[0, 8] == 0.0
    assert filtered[0, 12] == 1.0


def crowd(aligned: tuple[int, ...], heads: int) -> np.ndarray:
    """Heads that look anywhere, except for `aligned`."""
    attention = np.random.default_rng(1).random((heads, len(EDGES) - 1, EDGES[-1])).astype(np.float32)
    attention[list(aligned)] = diagonal(EDGES, heads=len(aligned))
    return attention


def test_clearness_of_a_head_that_goes_forward_is_greater() -> None:
    shares = clearness(crowd((1,), heads=3))
    assert shares.argmax() == 1
    assert np.all((shares > 0) & (shares <= 1))


def test_timing_heads_of_a_crowd_are_those_that_align() -> None:
    aligned = (3, 4, 9, 11, 15, 18)
    assert len(aligned) == KEPT_HEADS
    attention = crowd(aligned, heads=20)
    assert np.array_equal(timing_heads(attention), attention[list(aligned)])


def test_timing_heads_of_a_model_s_own_list_are_all() -> None:
    attention = crowd((3,), heads=8)
    assert timing_heads(attention) is attention


def test_timing_heads_that_are_named_are_taken_and_those_that_are_missing_are_not() -> None:
    attention = crowd((3,), heads=4)
    assert np.array_equal(timing_heads(attention, (2, 3)), attention[2:])
    assert timing_heads(attention, (2, 4)) is attention
