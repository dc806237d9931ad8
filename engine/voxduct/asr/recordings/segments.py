"""A decoded window becomes segments: text between timestamps, with words and what is known about both.

Radford et al. (2022), section 3.8: a window is followed by the next at its last complete segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from voxduct.asr.decode.greedy import Decoded
from voxduct.asr.decode.language import SpokenLanguage
from voxduct.asr.times.words import word_spans
from voxduct.asr.tokenizer import TextWord, Tokenizer
from voxduct.audio import Samples
from voxduct.events import Word
from voxduct.silence import Silences


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a recording's text."""

    start: int
    """Position of its first sample."""
    end: int
    words: tuple[Word, ...]
    tokens: tuple[int, ...]
    """Of its text, timestamps included."""
    language: SpokenLanguage
    temperature: float
    """At which its window was decoded."""
    average_logprob: float
    """Of its window's tokens."""
    no_speech: float
    """Probability that its window holds no speech."""
    compression: float
    """Of its window's text."""

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Slice:
    """A segment within its window."""

    first: int
    """Index of its first token among the window's."""
    tokens: tuple[int, ...]
    start: int
    """In steps of 20 ms since the window's start."""
    end: int


def cut_at_timestamps(tokens: Sequence[int], begin: int, steps: int) -> tuple[list[Slice], int | None]:
    """Cuts a window's tokens where one timestamp follows another.

    Args:
        tokens: what was decoded, without the end.
        begin: the token of 0.00 s.
        steps: the window's length in steps of 20 ms.

    Returns:
        The slices, and at which step the next window begins; None where this one is done with as a whole. Text after
        the last pair of timestamps is dropped: the next window hears it again.
    """
    times = [token >= begin for token in tokens]
    edges = [i for i, (one, other) in enumerate(pairwise(times), start=1) if one and other]
    if not edges:
        last = next((token - begin for token in reversed(tokens) if token >= begin), 0)
        return [Slice(0, tuple(tokens), 0, last or steps)], None
    complete = times[-2:] == [False, True]
    if complete:
        edges.append(len(tokens))
    slices = [_slice(tokens, first, end, begin) for first, end in pairwise([0, *edges])]
    return slices, None if complete else max(slices[-1].end, 1)


def _slice(tokens: Sequence[int], first: int, end: int, begin: int) -> Slice:
    inside = tuple(tokens[first:end])
    return Slice(first, inside, max(inside[0] - begin, 0), max(inside[-1] - begin, 0))


def slice_words(
    tokenizer: Tokenizer,
    decoded: Decoded,
    slices: Sequence[Slice],
    samples: Samples,
    frame_samples: int,
    language: str | None,
    *,
    silences: Silences = (),
    heads: Sequence[int] = (),
) -> list[tuple[Word, ...]]:
    """The words of each slice, in samples since the start of the window `samples`, shape [n].

    `silences` count from there too; `heads` as in `word_spans`.
    """
    text = [i for i, token in enumerate(decoded.tokens) if not tokenizer.is_timestamp(token)]
    attention = decoded.attention
    if attention is not None:
        rows = [i for i in (*text, len(decoded.tokens)) if i < attention.shape[1]]
        attention = attention[:, rows]
    grouped = [list(_words(tokenizer, one, text, language)) for one in slices]
    flat = [word for words in grouped for word in words]
    spans = iter(word_spans(flat, attention, samples, frame_samples, silences=silences, heads=heads))
    logprobs = np.array([decoded.logprobs[i] for i in text])
    return [tuple(_timed(word, next(spans), logprobs) for word in words) for words in grouped]


def _words(tokenizer: Tokenizer, one: Slice, text: Sequence[int], language: str | None) -> Iterator[TextWord]:
    """The words of a slice; their `first` counts the window's text tokens, which have the indexes `text`."""
    inside = [i for i, index in enumerate(text) if one.first <= index < one.first + len(one.tokens)]
    tokens = [token for token in one.tokens if not tokenizer.is_timestamp(token)]
    for word in tokenizer.words(tokens, language):
        yield TextWord(word.text, word.tokens, inside[0] + word.first)


def _timed(word: TextWord, span: tuple[int, int], logprobs: np.ndarray) -> Word:
    probability = float(np.exp(np.mean(logprobs[word.first : word.first + len(word.tokens)])))
    return Word(word.text, *span, probability)
