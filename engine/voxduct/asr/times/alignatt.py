"""Which words one pass is sure of: those whose audio the decoder has heard to its end.

AlignAtt of Papi, Turchi and Negri, "AlignAtt: Using Attention-based Audio-Translation Alignments as a Guide for
Simultaneous Speech Translation" (Interspeech 2023), section 2: a token that attends most to one of the last frames
heard may become another token once more is heard; it and all after it wait. Whisper's decoder is trusted through its
alignment heads only, as the word times are. Whole words are kept, and decoding goes on behind them: what waits is the
partial text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxduct.asr.tokenizer import TextWord
from voxduct.models import Floats, Ints

REWIND_FRAMES = 25  # 0.5 s: attention that falls back further has lost its place
STUCK_TOKENS = 8  # attending to one place in a row: more than any 60 ms of speech hold
STUCK_FRAMES = 1  # a place: frames that far from each other


def attended_frames(attention: Floats) -> Ints:
    """The encoder frame that each token attends to most, over the mean of heads.

    Args:
        attention: shape [heads, tokens, frames].

    Returns:
        Shape [tokens].
    """
    return np.asarray(attention.mean(axis=0).argmax(axis=1), np.int64)


def stable_words(words: Sequence[TextWord], frames: Ints, heard: int, held: int) -> int | None:
    """How many leading words will not change when more is heard; None where attention cannot be trusted.

    A word is whole once something follows it, and that too must not lie at the edge: the next word, or the end of the
    text. Otherwise `every` would be committed while `everything` is being said.

    Args:
        words: new words in order; their `first` counts tokens of the window's text, without gaps from word to word.
        frames: the frame that each token of the text, then the end, attends to; shape [tokens + 1].
        heard: frames of audio in the window; what is after them is padding.
        held: frames before the end of `heard` that are its edge.
    """
    if not words:
        return 0
    first = words[0].first
    if len(frames) <= words[-1].first + len(words[-1].tokens) or _lost(frames[first:-1]):
        return None
    edge = np.flatnonzero(frames[first:] >= heard - held)
    stop = first + int(edge[0]) if edge.size else len(frames)
    return sum(word.first + len(word.tokens) < stop for word in words)


def _lost(frames: Ints) -> bool:
    """Whether attention jumps far back, or stays at one place for longer than speech can."""
    if np.any(np.maximum.accumulate(frames) - frames > REWIND_FRAMES):
        return True
    spans = np.lib.stride_tricks.sliding_window_view(frames, STUCK_TOKENS) if frames.size >= STUCK_TOKENS else frames
    return frames.size >= STUCK_TOKENS and bool(np.any(np.ptp(spans, axis=-1) <= STUCK_FRAMES))
