from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.asr.times.words import word_spans
from voxduct.asr.tokenizer import TextWord

FRAME = 320


def diagonal(edges: list[int], heads: int = 2) -> np.ndarray:
    """Attention that stays on each token's own frames, between consecutive edges; one row per interval."""
    attention = np.full((heads, len(edges) - 1, edges[-1]), 0.01, np.float32)
    for token, (start, end) in enumerate(pairwise(edges)):
        attention[:, token, start:end] = 1.0
    return attention


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


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 12),
    frames=st.integers(12, 60),
    spare=st.integers(0, FRAME - 1),
    edges=st.lists(st.integers(0, 60 * FRAME), max_size=8, unique=True),
    earliest=st.integers(0, 20 * FRAME),
    known=st.integers(0, 3),
)
def test_word_spans_any_attention_are_in_order_in_the_window_and_off_silence(
    seed: int, count: int, frames: int, spare: int, edges: list[int], earliest: int, known: int
) -> None:
    rng = np.random.default_rng(seed)
    words = [TextWord("w", (i,), i) for i in range(count)]
    samples = (rng.standard_normal(frames * FRAME + spare) * rng.integers(0, 2)).astype(np.float32)
    edges = sorted(edges)
    silences = [*zip(edges[::2], edges[1::2], strict=False)]
    silent = np.zeros(samples.size, bool)
    for start, end in silences:
        silent[start:end] = True
    attention = rng.random((2, count + 1, frames)).astype(np.float32) if rng.integers(0, 4) else None
    spans = word_spans(
        words, attention, samples, FRAME, silences=silences, known=known, earliest=min(earliest, samples.size)
    )
    assert len(spans) == max(count - known, 0)
    assert all(min(earliest, samples.size) <= start <= end <= samples.size for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    if np.count_nonzero(~silent[earliest:]) >= len(spans):
        assert not silent[[start for start, _ in spans]].any()
        assert not silent[[end - 1 for _, end in spans]].any()
        assert all(start < end for start, end in spans)


def test_word_spans_without_room_for_all_are_still_in_order() -> None:
    words = [TextWord("one", (1,), 0), TextWord("two", (2,), 1)]
    first, second = word_spans(
        words, None, np.zeros(12 * FRAME, np.float32), FRAME, silences=[(93, 12 * FRAME)], earliest=92
    )
    assert 92 <= first[0] <= first[1] <= second[0] <= second[1]


def test_word_spans_of_a_word_in_silence_move_to_where_speech_goes_on() -> None:
    words = [TextWord("one", (1,), 0), TextWord("two", (2,), 1)]
    samples = np.full(100 * FRAME, 0.2, np.float32)
    silences = [(0, 30 * FRAME), (70 * FRAME, 100 * FRAME)]
    (one, two) = word_spans(words, diagonal([0, 20, 50, 100]), samples, FRAME, silences=silences)
    assert one == (30 * FRAME, 31 * FRAME)
    assert two == (31 * FRAME, pytest.approx(50 * FRAME, abs=FRAME))


def test_word_spans_of_known_words_are_left_out_and_bound_the_others() -> None:
    words = [TextWord("one", (1,), 0), TextWord("two", (2,), 1)]
    samples = np.full(100 * FRAME, 0.2, np.float32)
    ((start, end),) = word_spans(words, diagonal([0, 40, 80, 100]), samples, FRAME, known=1, earliest=45 * FRAME)
    assert start == 45 * FRAME
    assert end == pytest.approx(80 * FRAME, abs=FRAME)


def test_word_spans_listen_to_the_heads_that_are_named() -> None:
    words = [TextWord("one", (1,), 0), TextWord("two", (2,), 1)]
    samples = np.full(100 * FRAME, 0.2, np.float32)
    attention = np.concatenate([diagonal([0, 20, 60, 100], heads=1), diagonal([0, 50, 80, 100], heads=1)])
    named = [word_spans(words, attention, samples, FRAME, heads=(head,))[1][0] / FRAME for head in (0, 1)]
    assert named == [pytest.approx(20, abs=1), pytest.approx(50, abs=1)]
