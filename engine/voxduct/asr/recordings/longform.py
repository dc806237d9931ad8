"""Recordings of any length, window after window: the sequential algorithm.

Radford et al. (2022), sections 3.8 and 4.5: each window of 30 s is decoded with timestamps and told what was said
before it; the next one begins where the last complete segment of this one ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from voxduct.asr.decode.fallback import Attempt, decode_with_fallback
from voxduct.asr.decode.greedy import Request
from voxduct.asr.decode.language import SpokenLanguage
from voxduct.asr.decode.prompt import build_prompt, text_tokens
from voxduct.asr.decode.rules import whisper_rules
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.recordings.reel import Reel
from voxduct.asr.recordings.segments import Segment, cut_at_timestamps, slice_words
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.dsp import HOP
from voxduct.models import Floats

WINDOW = 30 * SAMPLE_RATE
STEP = SAMPLE_RATE // 50  # samples from one timestamp to the next: 20 ms
MARGIN = 2 * HOP  # audio beside a window that its first and last log-mel frames reach into
FORGETTING = 0.5  # a text drawn at a higher temperature is not told to the next window


@dataclass(frozen=True, slots=True, kw_only=True)
class LongFormOptions:
    """How a recording's windows depend on each other."""

    condition_on_previous: bool = True
    """Tell each window what was said before it; False tells each the prompt only, so that no loop goes on."""
    one_language: bool = True
    """Keep to the language of the first window with speech; False finds it out anew in each."""


def transcribe_sequentially(
    recogniser: Recogniser, blocks: Iterable[Samples], options: LongFormOptions | None = None
) -> Iterator[Segment]:
    """The segments of a recording, as soon as their window is decoded; `blocks` are samples at 16 kHz.

    Needs a model that was trained with timestamps. Features are computed window by window, so the 80 dB that are kept
    count from a window's loudest sound, not from the recording's.
    """
    reel, listener, seek = Reel(blocks), _Listener(recogniser, options or LongFormOptions()), 0
    while (samples := reel.read(seek, seek + WINDOW)).size >= HOP:
        segments, moved = listener.hear(samples, _features(recogniser, reel, seek))
        for segment in segments:
            yield replace(
                segment,
                start=segment.start + seek,
                end=segment.end + seek,
                words=tuple(replace(word, start=word.start + seek, end=word.end + seek) for word in segment.words),
            )
        seek += moved
        reel.forget_before(min(seek, reel.end) - MARGIN)


def _features(recogniser: Recogniser, reel: Reel, start: int) -> Floats:
    """Log-mel of the window at `start`, shape [num_mels, frames], as if the whole recording had been analysed."""
    first = max(start - MARGIN, 0)
    audio = reel.read(first, start + WINDOW + MARGIN)
    skipped = (start - first) // HOP
    if reel.end < start + WINDOW:
        audio = recogniser.padded(audio)
    return recogniser.log_mel.compute(audio)[:, skipped : skipped + WINDOW // HOP]


class _Listener:
    """What is remembered from window to window."""

    def __init__(self, recogniser: Recogniser, options: LongFormOptions) -> None:
        self._recogniser = recogniser
        self._options = options
        self._language = recogniser.options.language
        self._rules = whisper_rules(recogniser.tokenizer, recogniser.decoding, timestamps=True)
        self._said = text_tokens(recogniser.tokenizer, recogniser.options.prompt)
        self._told = len(self._said) > 0

    def hear(self, samples: Samples, features: Floats) -> tuple[list[Segment], int]:
        """Segments of a window in samples since its start, and by how many samples the next begins later."""
        if self._recogniser.is_silent(samples):
            return [], samples.size
        encoding = self._recogniser.model.encode(features)
        language = self._recogniser.language_of(encoding, self._language)
        attempt = self._decoded(encoding, language)
        if attempt.is_silence(self._recogniser.decoding):
            return [], samples.size
        if self._options.one_language:
            self._language = language.code
        return self._segments(attempt, samples, language)

    def _decoded(self, encoding: object, language: SpokenLanguage) -> Attempt:
        recogniser = self._recogniser
        prompt = build_prompt(
            recogniser.tokenizer,
            recogniser.options,
            language.code,
            self._said if self._told else [],
            timestamps=True,
            room=recogniser.decoding.max_previous,
        )
        request = Request.of_text(
            recogniser.tokenizer, recogniser.decoding, self._rules, prompt, None, stop_at_loops=False
        )
        return decode_with_fallback(
            recogniser.model,
            encoding,
            request,
            recogniser.tokenizer,
            recogniser.decoding,
            joint=recogniser.joint(encoding),
        )

    def _segments(self, attempt: Attempt, samples: Samples, language: SpokenLanguage) -> tuple[list[Segment], int]:
        tokenizer, decoded = self._recogniser.tokenizer, attempt.decoded
        slices, seek = cut_at_timestamps(decoded.tokens, tokenizer.timestamp_begin, samples.size // STEP)
        self._remember([token for one in slices for token in one.tokens], attempt.temperature)
        frame = self._recogniser.model.frame_samples
        done = samples.size if seek is None else min(seek * STEP, samples.size)
        heads = self._recogniser.options.timing_heads
        words = slice_words(tokenizer, decoded, slices, samples[:done], frame, language.code, heads=heads)
        segments = [
            Segment(
                min(one.start * STEP, samples.size),
                min(one.end * STEP, samples.size),
                said,
                one.tokens,
                language,
                attempt.temperature,
                decoded.average_logprob,
                decoded.no_speech,
                attempt.compression,
            )
            for one, said in zip(slices, words, strict=True)
        ]
        return segments, done

    def _remember(self, tokens: list[int], temperature: float) -> None:
        """What the next window is told."""
        if not self._options.condition_on_previous:
            return
        self._said = [*self._said, *tokens][-self._recogniser.decoding.max_previous :]
        self._told = temperature <= FORGETTING
