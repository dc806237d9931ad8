"""Recordings cut at silences: neighbouring utterances share a window, and windows are decoded several at a time.

Bain et al., "WhisperX: Time-Accurate Speech Transcription of Long-Form Audio" (2023), section 3.2. Windows know
nothing of each other, so that no error goes on from one to the next; without timestamps any model will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from voxduct.asr.decode.batch import greedy_batch
from voxduct.asr.decode.fallback import Attempt, decode_with_fallback
from voxduct.asr.decode.greedy import Decoded, Request
from voxduct.asr.decode.language import SpokenLanguage
from voxduct.asr.decode.prompt import build_prompt
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.recordings.segments import Segment, Slice, slice_words
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.events import Word
from voxduct.silence import Silences

Span = tuple[int, int]
"""Where an utterance starts and where it ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some utterances in a row, to be decoded as one window."""

    samples: Samples
    """From the start of the first to the end of the last, shape [n]."""
    spans: tuple[Span, ...]
    """Positions in the recording."""
    silences: Silences = ()
    """Positions between which the VAD found silence."""

    @property
    def start(self) -> int:
        """Position of the first sample."""
        return self.spans[0][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOptions:
    """How a recording is cut."""

    max_s: float = 28.0
    """Longest window made of several utterances; a longer utterance has one to itself."""
    batch: int = 4
    """Windows that are decoded together, where the search is greedy."""


def gather_spans(spans: Iterable[Span], options: ChunkOptions) -> Iterator[tuple[Span, ...]]:
    """Groups of neighbours that fit a window together; each as soon as the next span does not fit."""
    group: list[Span] = []
    for span in spans:
        if group and span[1] - group[0][0] > options.max_s * SAMPLE_RATE:
            yield tuple(group)
            group = []
        group.append(span)
    if group:
        yield tuple(group)


def transcribe_chunks(
    recogniser: Recogniser, chunks: Iterable[Chunk], options: ChunkOptions | None = None
) -> Iterator[Segment]:
    """A segment for each utterance in which there are words, in order, as soon as its batch is decoded."""
    options = options or ChunkOptions()
    waiting = iter(chunks)
    while batch := list(islice(waiting, options.batch)):
        loud = [chunk for chunk in batch if not recogniser.is_silent(chunk.samples)]
        if loud:
            yield from _transcribed(recogniser, loud)


def _transcribed(recogniser: Recogniser, chunks: Sequence[Chunk]) -> Iterator[Segment]:
    encodings = _encoded(recogniser, chunks)
    languages = [recogniser.language_of(encoding, recogniser.options.language) for encoding in encodings]
    requests = [_request(recogniser, *pair) for pair in zip(chunks, languages, strict=True)]
    firsts: Sequence[Decoded | None] = [None] * len(chunks)
    if recogniser.decoding.beams == 1 and recogniser.decoding.temperatures[0] == 0.0:
        firsts = greedy_batch(recogniser.model, encodings, requests)
    for chunk, encoding, language, request, first in zip(chunks, encodings, languages, requests, firsts, strict=True):
        joint = recogniser.joint(encoding)
        attempt = decode_with_fallback(
            recogniser.model, encoding, request, recogniser.tokenizer, recogniser.decoding, first, joint
        )
        if not attempt.is_silence(recogniser.decoding):
            yield from _segments(recogniser, chunk, attempt, language)


def _encoded(recogniser: Recogniser, chunks: Sequence[Chunk]) -> list[object]:
    """All padded to the length of the longest, as a batch wants it."""
    padded = [recogniser.padded(chunk.samples) for chunk in chunks]
    longest = max(samples.size for samples in padded)
    mels = (recogniser.log_mel.compute(np.pad(samples, (0, longest - samples.size))) for samples in padded)
    return [recogniser.model.encode(mel) for mel in mels]


def _request(recogniser: Recogniser, chunk: Chunk, language: SpokenLanguage) -> Request:
    tokenizer, decoding = recogniser.tokenizer, recogniser.decoding
    prompt = build_prompt(tokenizer, recogniser.options, language.code, room=decoding.max_previous)
    return Request.of_text(tokenizer, decoding, text_rules(tokenizer, decoding), prompt, chunk.samples.size)


def _segments(recogniser: Recogniser, chunk: Chunk, attempt: Attempt, language: SpokenLanguage) -> Iterator[Segment]:
    decoded, frame = attempt.decoded, recogniser.model.frame_samples
    whole = [Slice(0, decoded.tokens, 0, 0)]
    (timed,) = slice_words(
        recogniser.tokenizer,
        decoded,
        whole,
        chunk.samples,
        frame,
        language.code,
        silences=tuple((start - chunk.start, end - chunk.start) for start, end in chunk.silences),
        heads=recogniser.options.timing_heads,
    )
    words = [replace(word, start=word.start + chunk.start, end=word.end + chunk.start) for word in timed]
    for (start, end), said in zip(chunk.spans, share_out(words, chunk.spans), strict=True):
        if said:
            tokens = tuple(recogniser.tokenizer.encode(" " + " ".join(word.text for word in said)))
            yield Segment(
                start,
                end,
                said,
                tokens if len(chunk.spans) > 1 else decoded.tokens,
                language,
                attempt.temperature,
                decoded.average_logprob,
                decoded.no_speech,
                attempt.compression,
            )


def share_out(words: Sequence[Word], spans: Sequence[Span]) -> list[tuple[Word, ...]]:
    """The words of each span: those that begin before it ends, and in no earlier one."""
    shares: list[tuple[Word, ...]] = []
    rest = list(words)
    for _, end in spans[:-1]:
        count = next((i for i, word in enumerate(rest) if word.start >= end), len(rest))
        shares.append(tuple(rest[:count]))
        del rest[:count]
    return [*shares, tuple(rest)]
