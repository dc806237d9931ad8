from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.asr.alignment import _accumulate, median_filter, token_frames, warp
from voxduct.asr.tokenizer import TextWord
from voxduct.asr.words import word_spans

FRAME = 320


def diagonal(edges: list[int], heads: int = 2) -> np.ndarray:
    """Attention that stays on each token's own frames, between consecutive edges; one row per interval."""
    attention = np.full((heads, len(edges) - 1, edges[-1]), 0.01, np.float32)
    for token, (start, end) in enumerate(pairwise(edges)):
        attention[:, token, start:end] = 1.0
    return attention


def slow_warp(costs: np.ndarray) -> float:
    total = np.full((costs.shape[0] + 1, costs.shape[1] + 1), np.inf)
    total[0, 0] = 0
    for i in range(costs.shape[0]):
        for j in range(costs.shape[1]):
            total[i + 1, j + 1] = costs[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return float(total[-1, -1])


def test_token_frames_of_clear_attention_are_its_edges() -> None:
    edges = [0, 20, 45, 60, 100]
    assert np.abs(token_frames(diagonal(edges)) - edges[:-1]).max() <= 1


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


def test_word_spans_follow_attention_and_stay_off_silence() -> None:
    words = [TextWord("one", (1,), 0), TextWord("two", (2, 3), 1)]
    samples = np.full(100 * FRAME, 0.2, np.float32)
    samples[30 * FRAME : 50 * FRAME] = 0.0
    spans = word_spans(words, diagonal([0, 40, 60, 90, 100]), samples, FRAME)
    (first, second) = [(round(start / FRAME), round(end / FRAME)) for start, end in spans]
    assert first == (0, 30)
    assert second[0] == pytest.approx(50, abs=1)
    assert second[1] == pytest.approx(90, abs=1)


def test_word_spans_without_attention_are_in_proportion() -> None:
    words = [TextWord("abc", (1,), 0), TextWord("abcdefg", (2,), 1)]
    assert word_spans(words, None, np.zeros(12_000, np.float32), FRAME) == [(0, 4_000), (4_000, 12_000)]


def test_word_spans_of_nothing_are_nothing() -> None:
    assert word_spans([], diagonal([0, 10]), np.zeros(3_200, np.float32), FRAME) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 12), frames=st.integers(1, 60), spare=st.integers(0, FRAME - 1))
def test_word_spans_any_attention_are_monotone_and_within_the_window(
    seed: int, count: int, frames: int, spare: int
) -> None:
    rng = np.random.default_rng(seed)
    words = [TextWord("w", (i,), i) for i in range(count)]
    samples = (rng.standard_normal(frames * FRAME + spare) * rng.integers(0, 2)).astype(np.float32)
    spans = word_spans(words, rng.random((2, count + 1, frames)).astype(np.float32), samples, FRAME)
    assert len(spans) == count
    assert all(0 <= start <= end <= samples.size for start, end in spans)
    assert all(before[1] <= after[0] or after[0] == samples.size - 1 for before, after in pairwise(spans))
