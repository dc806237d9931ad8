"""At which frame each token begins: dynamic time warping over the decoder's cross-attention, as openai/whisper does it.

The attention of each alignment head is normalised over tokens and smoothed over time; their mean is warped so that
token by token time only goes forward.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from voxduct.models import Floats, Ints

MEDIAN_WIDTH = 7  # frames
MOST_HEADS = 12  # more than a model's own list of alignment heads has: then nobody has chosen among them
KEPT_HEADS = 6


def timing_heads(attention: Floats, heads: Sequence[int] = ()) -> Floats:
    """The heads that times are taken from.

    Attention of shape [heads, tokens, frames]. `heads` are those that were measured to tell times best; where the
    model names none, all are kept, but of a great number, which no one has chosen, only those that go forward in time
    most clearly.
    """
    if heads and max(heads) < attention.shape[0]:
        return attention[list(heads)]
    if attention.shape[0] <= MOST_HEADS:
        return attention
    return attention[np.sort(np.argsort(-clearness(attention), kind="stable")[:KEPT_HEADS])]


def clearness(attention: Floats) -> npt.NDArray[np.float64]:
    """How much of a head's attention lies on its own cheapest monotone path, 0 to 1; shape [heads].

    After "Whisper Has an Internal Word Aligner" (2025), which keeps the heads that align in the utterance at hand.
    """
    weights = attention.astype(np.float64)
    weights = weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-9)
    shares = []
    for head in range(len(weights)):
        edges = np.append(token_frames(attention[head : head + 1]), attention.shape[2])
        spans = zip(weights[head], edges[:-1], edges[1:], strict=True)
        shares.append(np.mean([row[start : max(end, start + 1)].sum() for row, start, end in spans]))
    return np.array(shares)


def token_frames(attention: Floats) -> Ints:
    """Attention of shape [heads, tokens, frames] to the frame at which each token begins, shape [tokens]."""
    weights = attention.astype(np.float64)
    weights = weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-9)
    spread = np.maximum(weights.std(axis=1, keepdims=True), 1e-9)
    scores = (weights - weights.mean(axis=1, keepdims=True)) / spread
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
