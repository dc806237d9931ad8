"""One window of audio in, the words in it out. Shared by all streams; remembers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from voxduct.asr.decoding import Decoded, Request, StopReason, compression_ratio
from voxduct.asr.fallback import search
from voxduct.asr.hypothesis import HeardWord
from voxduct.asr.language import SpokenLanguage, detect_language
from voxduct.asr.options import AsrOptions, DecodingOptions
from voxduct.asr.prompt import build_prompt
from voxduct.asr.rules import text_rules
from voxduct.asr.tokenizer import Tokenizer
from voxduct.asr.words import word_spans
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.dsp import LogMel
from voxduct.events import Word
from voxduct.models import WhisperModel

LEVEL_FRAME = SAMPLE_RATE // 50  # samples over which loudness is measured: 20 ms


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one pass listens to. Immutable, so that it can be computed on any thread."""

    samples: Samples
    """Shape [n]."""
    start: int
    """Position of the first sample."""
    forced: tuple[int, ...]
    """Tokens of the words in it that are already committed."""
    language: str | None
    tail: int
    """Samples of silence to add at the end."""


class Doubt(StrEnum):
    """Why a window's new words were not believed."""

    SILENT = "silent"  # nothing in it is loud enough to be speech
    UNLIKELY = "unlikely"  # low log-probability and a high no-speech probability
    REPETITIVE = "repetitive"  # compresses too well to be speech
    LOOP = "loop"  # the same phrase again and again; all but the first was cut off
    RATE = "rate"  # more tokens than anyone can say in that time; kept up to the limit


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognised in one window."""

    words: tuple[HeardWord, ...]
    """The words after the forced ones."""
    language: str
    doubt: Doubt | None = None
    language_probability: float = 1.0
    """How sure `language` is; 1 where it was given."""


class Recogniser:
    """A Whisper, its tokenizer and the options; all streams share one."""

    def __init__(
        self,
        model: WhisperModel,
        tokenizer: Tokenizer,
        options: AsrOptions | None = None,
        decoding: DecodingOptions | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.options = options or AsrOptions()
        self.decoding = decoding or DecodingOptions()
        self.log_mel = LogMel(model.num_mels)
        self.multilingual = tokenizer.multilingual
        self._rules = text_rules(tokenizer, self.decoding)

    def configured(self, options: AsrOptions | None = None, decoding: DecodingOptions | None = None) -> Recogniser:
        """The same model with other options; None keeps them."""
        return Recogniser(self.model, self.tokenizer, options or self.options, decoding or self.decoding)

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages it knows, sorted."""
        return tuple(sorted(self.tokenizer.languages)) if self.multilingual else ("en",)

    def limited_to(self, languages: Sequence[str]) -> Recogniser:
        """The same model for these languages: one is taken as given, several are chosen among; none: as it is."""
        if not languages or not self.multilingual:
            return self
        language = languages[0] if len(languages) == 1 else None
        return self.configured(replace(self.options, language=language, languages=tuple(languages)))

    def recognise(self, window: Window) -> Heard:
        """Log-mel, encoder, decoder, word times. The only place in streaming that computes; run it inside a job."""
        if self.is_silent(window.samples):
            return Heard((), window.language or ("" if self.multilingual else "en"), Doubt.SILENT)
        encoding = self.model.encode(self.log_mel.compute(self.padded(window.samples, window.tail)))
        language = self.language_of(encoding, window.language)
        decoded = search(self.model, encoding, self._request(window, language.code), self.decoding)
        doubt = self._doubt(decoded, len(window.forced))
        if doubt in (Doubt.UNLIKELY, Doubt.REPETITIVE):
            return Heard((), language.code, doubt, language.probability)
        return Heard(self._words(decoded, window, language.code), language.code, doubt, language.probability)

    def language_of(self, encoding: object, given: str | None) -> SpokenLanguage:
        """The language that was given, English for a model that knows no other, else the likeliest of those allowed."""
        if given is not None or not self.multilingual:
            return SpokenLanguage(given or "en", 1.0)
        return detect_language(self.model, encoding, self.tokenizer, self.options.languages)

    def _request(self, window: Window, language: str) -> Request:
        prompt = build_prompt(self.tokenizer, self.options, language, room=self.decoding.max_previous)
        return Request.of_text(self.tokenizer, self.decoding, self._rules, prompt, window.samples.size, window.forced)

    def is_silent(self, samples: Samples) -> bool:
        """Whether nothing in samples of shape [n] is loud enough to be speech."""
        count = samples.size // LEVEL_FRAME
        if count == 0:
            return True
        frames = samples[: count * LEVEL_FRAME].reshape(count, LEVEL_FRAME)
        loudest = float(np.mean(np.square(frames), axis=1).max())
        return bool(loudest < 10.0 ** (self.options.min_level_db / 10.0))

    def padded(self, samples: Samples, tail: int | None = None) -> Samples:
        """Samples with silence after them: `tail` of it, or that of a final pass, and more up to the least length."""
        per_ms = SAMPLE_RATE // 1000
        tail = self.options.final_tail_ms * per_ms if tail is None else tail
        return np.pad(samples, (0, max(tail, self.options.min_window_ms * per_ms - samples.size)))

    def _doubt(self, decoded: Decoded, first: int) -> Doubt | None:
        limits = self.decoding
        new = decoded.tokens[first:]
        if decoded.mean_logprob(first) < limits.min_logprob and decoded.no_speech > limits.max_no_speech:
            return Doubt.UNLIKELY
        if compression_ratio(self.tokenizer.decode(new)) > limits.max_compression:
            return Doubt.REPETITIVE
        match decoded.reason:
            case StopReason.LOOP:
                return Doubt.LOOP
            case StopReason.RATE:
                return Doubt.RATE
            case StopReason.END:
                return None

    def _words(self, decoded: Decoded, window: Window, language: str) -> tuple[HeardWord, ...]:
        words = self.tokenizer.words(decoded.tokens, language)
        # Smoothing each head moves words by a frame between passes, and nothing yet keeps a committed word's end
        # before the next one's start.
        frame = self.model.frame_samples
        spans = word_spans(words, decoded.attention, window.samples, frame, each_head=False)
        heard = []
        for text, (start, end) in zip(words, spans, strict=True):
            if text.first >= len(window.forced):
                logprobs = decoded.logprobs[text.first : text.first + len(text.tokens)]
                probability = float(np.exp(np.mean(logprobs)))
                word = Word(text.text, window.start + start, window.start + end, probability)
                heard.append(HeardWord(word, text.tokens))
        return tuple(heard)
