"""When each word was said: dynamic time warping over the decoder's cross-attention, as openai/whisper does it.

The attention of each alignment head is normalised over tokens and smoothed over time; their mean is warped so that
token by token time only goes forward. Word edges are then drawn in over silence. An export without attention
gets times in proportion to the words' lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voxduct.asr.tokenizer import TextWord
from voxduct.audio import Samples
from voxduct.models import Floats

MEDIAN_WIDTH = 7  # frames
QUIET_RATIO = 0.1  # a frame with less than this part of the window's loud RMS is silence
Ints = npt.NDArray[np.int64]


def word_spans(
    words: Sequence[TextWord],
    attention: Floats | None,
    samples: Samples,
    frame_samples: int,
    *,
    each_head: bool = True,
) -> list[tuple[int, int]]:
    """Start and end of each word in samples of the window: monotone, at least one sample long where there is room.

    Args:
        words: the window's words; their `first` counts tokens of the window's text.
        attention: shape [heads, tokens + 1, frames], or None.
        samples: the window, shape [n].
        frame_samples: samples of one frame of `attention`.
        each_head: as in `token_frames`.
    """
    if not words:
        return []
    if attention is None or attention.shape[1] <= words[-1].first or attention.shape[2] < 2:
        return _clamp(_proportional(words, samples.size), samples.size)
    starts = token_frames(attention, each_head=each_head) * frame_samples
    ends = [int(starts[min(word.first + len(word.tokens), len(starts) - 1)]) for word in words]
    if ends[-1] <= starts[words[-1].first]:
        ends[-1] = samples.size
    spans = [(int(starts[word.first]), end) for word, end in zip(words, ends, strict=True)]
    return _clamp(_draw_in(spans, samples, frame_samples), samples.size)


def token_frames(attention: Floats, *, each_head: bool = True) -> Ints:
    """Attention of shape [heads, tokens, frames] to the frame at which each token begins, shape [tokens].

    `each_head`, as in openai/whisper and transformers, smooths every head before their mean is taken; False smooths
    the mean alone, for less work and nearly the same times.
    """
    weights = attention.astype(np.float64)
    weights = weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-9)
    spread = np.maximum(weights.std(axis=1, keepdims=True), 1e-9)
    scores = (weights - weights.mean(axis=1, keepdims=True)) / spread
    if not each_head:
        scores = scores.mean(axis=0, keepdims=True)
    return warp(-median_filter(scores, MEDIAN_WIDTH).mean(axis=0))


def median_filter(rows: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Running median of odd `width` along the last axis, edges reflected; shape kept."""
    reach = min(width // 2, rows.shape[-1] - 1)
    padded = np.pad(rows, [*[(0, 0)] * (rows.ndim - 1), (reach, reach)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=-1)
    filtered: npt.NDArray[np.float64] = np.partition(windows, reach, axis=-1)[..., reach]
    return filtered


def warp(costs: npt.NDArray[np.float64]) -> Ints:
    """The cheapest monotone path through costs of shape [tokens, frames]: the first frame of each token."""
    total = _accumulate(costs)
    token, frame = costs.shape[0] - 1, costs.shape[1] - 1
    first = np.zeros(costs.shape[0], np.int64)
    while token > 0:
        first[token] = frame
        diagonal, up, left = total[token, frame], total[token, frame + 1], total[token + 1, frame]
        if diagonal <= up and diagonal <= left:
            token, frame = token - 1, frame - 1
        elif up <= left:
            token -= 1
        else:
            frame -= 1
    return first


def _accumulate(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cheapest path to each cell, with a border of infinities; shape [tokens + 1, frames + 1].

    Row by row: c[j] = x[j] + min(m[j], c[j-1]) is a running minimum of m[j] - S[j-1], S being the row's prefix sums.
    """
    total = np.full((costs.shape[0] + 1, costs.shape[1] + 1), np.inf)
    total[0, 0] = 0.0
    for i, row in enumerate(costs):
        entry = np.minimum(total[i, :-1], total[i, 1:])
        sums = np.cumsum(row)
        total[i + 1, 1:] = sums + np.minimum.accumulate(entry - (sums - row))
    return total


def _proportional(words: Sequence[TextWord], size: int) -> list[tuple[int, int]]:
    edges = np.cumsum([0, *(len(word.text) + 1 for word in words)])
    places = [int(edge) for edge in edges * size // edges[-1]]
    return list(pairwise(places))


def _draw_in(spans: list[tuple[int, int]], samples: Samples, frame: int) -> list[tuple[int, int]]:
    """Moves starts forward and ends back over silent frames; a wholly silent word is left alone."""
    count = samples.size // frame
    if count == 0:
        return spans
    levels = np.sqrt(np.mean(np.square(samples[: count * frame].reshape(count, frame)), axis=1))
    loud = levels > QUIET_RATIO * np.percentile(levels, 90)
    drawn = []
    for start, end in spans:
        places = np.flatnonzero(loud[start // frame : -(-end // frame)])
        if places.size:
            offset = start // frame
            start, end = max(start, (offset + int(places[0])) * frame), min(end, (offset + int(places[-1]) + 1) * frame)
        drawn.append((start, end))
    return drawn


def _clamp(spans: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Makes spans monotone, not overlapping, and within the window."""
    clamped = []
    before = 0
    for start, end in spans:
        start = min(max(start, before), max(size - 1, 0))
        before = min(max(end, start + 1), size)
        clamped.append((start, before))
    return clamped
