"""When each word was said: from cross-attention (see `alignment`), kept in order, in the window and out of silence.

Word edges are drawn in over frames without sound, then off the silences that the VAD found: where the two disagree,
the VAD is right. An export without attention gets times in proportion to the words' lengths. docs/word-times.md tells
what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from voxduct.asr.times.alignment import timing_heads, token_frames
from voxduct.asr.times.speech_time import SpeechTime
from voxduct.asr.tokenizer import TextWord
from voxduct.audio import Samples
from voxduct.models import Floats

QUIET_RATIO = 0.05  # a frame with less than this part of the window's loud RMS has no sound
_Span = tuple[int, int]


def word_spans(
    words: Sequence[TextWord],
    attention: Floats | None,
    samples: Samples,
    frame_samples: int,
    *,
    silences: Sequence[_Span] = (),
    heads: Sequence[int] = (),
    known: int = 0,
    earliest: int = 0,
) -> list[_Span]:
    """Start and end of each word in samples of the window.

    They are in order and do not overlap, lie within the window, start and end outside `silences`, and are at least a
    frame long where there is room.

    Args:
        words: the window's words; their `first` counts tokens of the window's text.
        attention: shape [heads, tokens + 1, frames], or None.
        samples: the window, shape [n].
        frame_samples: samples of one frame of `attention`.
        silences: what the VAD found silent, in samples of the window, in order.
        heads: those of `attention` that tell times best; empty where nobody knows.
        known: so many words at the beginning have their times already and get none.
        earliest: where the first of the others may start.
    """
    timed = words[known:]
    if not timed:
        return []
    if attention is None or attention.shape[1] <= words[-1].first or attention.shape[2] < 2:
        spans = _proportional(words, samples.size)
    else:
        starts = token_frames(timing_heads(attention, heads)) * frame_samples
        ends = [int(starts[min(word.first + len(word.tokens), len(starts) - 1)]) for word in words]
        if ends[-1] <= starts[words[-1].first]:
            ends[-1] = samples.size
        spans = [(int(starts[word.first]), end) for word, end in zip(words, ends, strict=True)]
        spans = _draw_in(spans, samples, frame_samples)
    return _in_order(spans[known:], SpeechTime(silences, samples.size), earliest, frame_samples)


def _proportional(words: Sequence[TextWord], size: int) -> list[_Span]:
    edges = np.cumsum([0, *(len(word.text) + 1 for word in words)])
    places = [int(edge) for edge in edges * size // edges[-1]]
    return list(pairwise(places))


def _draw_in(spans: list[_Span], samples: Samples, frame: int) -> list[_Span]:
    """Moves starts forward and ends back over frames without sound; a word without any is left alone."""
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


def _in_order(spans: list[_Span], time: SpeechTime, earliest: int, wanted: int) -> list[_Span]:
    """Puts spans one after the other on the clock of speech; each gets `wanted` samples, or its share of the room."""
    before = time.moment(earliest)
    shortest = min(wanted, max(time.length - before, 0) // len(spans))
    placed: list[_Span] = []
    for after, (start, end) in zip(reversed(range(len(spans))), spans, strict=True):
        latest = time.length - shortest * after
        begin = min(max(time.moment(start), before), latest - shortest)
        before = min(max(time.moment(end), begin + shortest), latest)
        first = max(time.start(begin), earliest)  # without room, positions stand still though speech has ended
        earliest = max(time.end(before), first)
        placed.append((first, earliest))
    return placed
