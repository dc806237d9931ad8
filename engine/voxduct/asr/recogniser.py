"""One window of audio in, the words in it out. Shared by all streams; remembers nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from voxduct.asr.decoding import Decoded, StopReason, compression_ratio, detect_language, greedy
from voxduct.asr.hypothesis import HeardWord
from voxduct.asr.options import AsrOptions, DecodingOptions
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


class Recogniser:
    """A Whisper, its tokenizer and the options; all streams share one."""

    def __init__(
        self,
        model: WhisperModel,
        tokenizer: Tokenizer,
        options: AsrOptions | None = None,
        decoding: DecodingOptions | None = None,
    ) -> None:
        self._decoding = decoding or DecodingOptions()
        self._model = model
        self._tokenizer = tokenizer
        self._log_mel = LogMel(model.num_mels)
        self.options = options or AsrOptions()
        self.multilingual = tokenizer.multilingual

    def recognise(self, window: Window) -> Heard:
        """Log-mel, encoder, decoder, word times. The only place in recognition that computes; run it inside a job."""
        language = window.language or (None if self.multilingual else "en")
        if self._is_silent(window.samples):
            return Heard((), language or "", Doubt.SILENT)
        encoding = self._model.encode(self._log_mel.compute(self._padded(window)))
        if language is None:
            language = detect_language(self._model, encoding, self._tokenizer)
        decoded = greedy(
            self._model,
            encoding,
            self._tokenizer,
            self._tokenizer.prompt(language),
            window.forced,
            window.samples.size,
            self._decoding,
        )
        doubt = self._doubt(decoded, len(window.forced))
        if doubt in (Doubt.UNLIKELY, Doubt.REPETITIVE):
            return Heard((), language, doubt)
        return Heard(self._words(decoded, window, language), language, doubt)

    def _is_silent(self, samples: Samples) -> bool:
        count = samples.size // LEVEL_FRAME
        if count == 0:
            return True
        frames = samples[: count * LEVEL_FRAME].reshape(count, LEVEL_FRAME)
        loudest = float(np.mean(np.square(frames), axis=1).max())
        return bool(loudest < 10.0 ** (self.options.min_level_db / 10.0))

    def _padded(self, window: Window) -> Samples:
        shortest = self.options.min_window_ms * SAMPLE_RATE // 1000
        return np.pad(window.samples, (0, max(window.tail, shortest - window.samples.size)))

    def _doubt(self, decoded: Decoded, first: int) -> Doubt | None:
        limits = self._decoding
        new = decoded.tokens[first:]
        if decoded.mean_logprob(first) < limits.min_logprob and decoded.no_speech > limits.max_no_speech:
            return Doubt.UNLIKELY
        if compression_ratio(self._tokenizer.decode(new)) > limits.max_compression:
            return Doubt.REPETITIVE
        match decoded.reason:
            case StopReason.LOOP:
                return Doubt.LOOP
            case StopReason.RATE:
                return Doubt.RATE
            case StopReason.END:
                return None

    def _words(self, decoded: Decoded, window: Window, language: str) -> tuple[HeardWord, ...]:
        words = self._tokenizer.words(decoded.tokens, language)
        spans = word_spans(words, decoded.attention, window.samples, self._model.frame_samples)
        heard = []
        for text, (start, end) in zip(words, spans, strict=True):
            if text.first >= len(window.forced):
                logprobs = decoded.logprobs[text.first : text.first + len(text.tokens)]
                probability = float(np.exp(np.mean(logprobs)))
                word = Word(text.text, window.start + start, window.start + end, probability)
                heard.append(HeardWord(word, text.tokens))
        return tuple(heard)
