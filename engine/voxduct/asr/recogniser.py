"""One window of audio in, the words in it out. Shared by all streams; remembers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxduct.asr.decode.fallback import search
from voxduct.asr.decode.greedy import Decoded, Request
from voxduct.asr.decode.joint import Joint
from voxduct.asr.decode.language import SpokenLanguage, detect_language
from voxduct.asr.decode.prompt import build_prompt
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.decode.spelling import Speller, Spelling
from voxduct.asr.decode.vocabulary import Vocabulary
from voxduct.asr.gate import CUTS, Bools, Doubt, Evidence, GateOptions, audible_frames, frame_seconds, is_thin, judge
from voxduct.asr.hypothesis import HeardWord
from voxduct.asr.listening import Listener, Listening
from voxduct.asr.options import AsrOptions, DecodingOptions, StreamingPolicy
from voxduct.asr.times.alignatt import attended_frames, stable_words
from voxduct.asr.times.letters import spelt
from voxduct.asr.times.words import word_spans
from voxduct.asr.tokenizer import TextWord, Tokenizer
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.dsp import LogMel
from voxduct.events import Word
from voxduct.models import Floats, SpellingWhisperModel, StreamingWhisperModel, WhisperModel
from voxduct.silence import Silences

__all__ = ["Doubt", "Heard", "Recogniser", "Window"]

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
    silences: Silences = ()
    """Positions between which the VAD found silence: no word starts or ends there."""
    after: int = 0
    """Where the last committed word ends: no other word starts before."""
    draft: tuple[int, ...] = ()
    """Tokens of the words that were last heard after the forced ones; they make it faster, not other."""
    by_letters: bool = False
    """Whether words are timed letter by letter."""
    frugal: bool = False
    """Whether time is short, so that one hypothesis must do where several were wanted."""
    listening: Listening | None = None
    """Where the encoder stands, if it hears the utterance chunk by chunk; None: it hears the window anew."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognised in one window."""

    words: tuple[HeardWord, ...]
    """The words after the forced ones."""
    language: str
    doubt: Doubt | None = None
    language_probability: float = 1.0
    """How sure `language` is; 1 where it was given."""
    stable: int | None = None
    """How many of `words` more audio will not change, by AlignAtt; None where that is not the policy or cannot tell."""
    listening: Listening | None = None
    """Where the encoder stands now, for the next window; None: where it stood."""


class Recogniser:
    """A Whisper, its tokenizer and the options; all streams share one."""

    listener: Listener | None = None
    """Hears utterances chunk by chunk, where the model can."""

    def __init__(
        self,
        model: WhisperModel,
        tokenizer: Tokenizer,
        options: AsrOptions | None = None,
        decoding: DecodingOptions | None = None,
        gate: GateOptions | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """`vocabulary` has a say where the model spells and several hypotheses are followed."""
        self.model = model
        self.tokenizer = tokenizer
        self.options = options or AsrOptions()
        self.decoding = decoding or DecodingOptions()
        self.gate = gate or GateOptions()
        self.log_mel = LogMel(model.num_mels)
        if isinstance(model, StreamingWhisperModel) and model.streaming and self.options.incremental:
            self.listener = Listener(model, self.log_mel, self.options.lookahead_ms * SAMPLE_RATE // 1000)
        letters = model.letters if isinstance(model, SpellingWhisperModel) else ()
        self._speller = Speller(letters) if letters and self.decoding.shares.letters else None
        self._vocabulary = vocabulary
        self.multilingual = tokenizer.multilingual
        self._rules = text_rules(tokenizer, self.decoding)

    def configured(self, options: AsrOptions | None = None, decoding: DecodingOptions | None = None) -> Recogniser:
        """The same model with other options; None keeps them."""
        return Recogniser(
            self.model, self.tokenizer, options or self.options, decoding or self.decoding, self.gate, self._vocabulary
        )

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
        nothing = self._nothing_to_hear(window)
        if nothing is not None:
            return Heard((), window.language or ("" if self.multilingual else "en"), nothing)
        encoding, listening = self._listen(window)
        language = self.language_of(encoding, window.language)
        decoding = replace(self.decoding, beams=1) if window.frugal else self.decoding
        request = self._request(window, language.code)
        decoded = search(self.model, encoding, request, decoding, self.joint(encoding) if decoding.beams > 1 else None)
        doubt = self._doubt(decoded, window, language.code)
        if doubt is not None and doubt not in CUTS:
            return Heard((), language.code, doubt, language.probability, listening=listening)
        words = self._words(decoded, encoding, window, language.code)
        stable = self._stable(decoded, window, language.code)
        return Heard(words, language.code, doubt, language.probability, stable, listening)

    def _listen(self, window: Window) -> tuple[object, Listening | None]:
        """The window's encoding, and where the encoder stands then."""
        if self.listener is None or window.listening is None:
            return self.model.encode(self.log_mel.compute(self.padded(window.samples, window.tail))), None
        if window.tail:
            return self.listener.conclude(window.listening, window.samples, window.start, window.tail), None
        listening = self.listener.follow(window.listening, window.samples, window.start)
        return listening.encoding, listening

    def language_of(self, encoding: object, given: str | None) -> SpokenLanguage:
        """The language that was given, English for a model that knows no other, else the likeliest of those allowed."""
        if given is not None or not self.multilingual:
            return SpokenLanguage(given or "en", 1.0)
        return detect_language(self.model, encoding, self.tokenizer, self.options.languages)

    def joint(self, encoding: object) -> Joint | None:
        """Who else has a say in what was said in a window: the model's letters, where it has any, and the words."""
        if self._speller is None or not isinstance(self.model, SpellingWhisperModel):
            return None
        spelling = Spelling(self.model.spelling(encoding))
        return Joint(self._speller, spelling, self._vocabulary, self.decoding.shares, self.tokenizer.text_of)

    def _request(self, window: Window, language: str) -> Request:
        prompt = build_prompt(self.tokenizer, self.options, language, room=self.decoding.max_previous)
        return Request.of_text(
            self.tokenizer,
            self.decoding,
            self._rules,
            prompt,
            window.samples.size,
            window.forced,
            draft=window.draft,
        )

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

    def _nothing_to_hear(self, window: Window) -> Doubt | None:
        """Why nothing needs to be computed, if so."""
        if self.is_silent(window.samples):
            return Doubt.SILENT
        frame = self.model.frame_samples
        return Doubt.THIN if is_thin(self._audible(window), frame_seconds(frame), self.gate) else None

    def _audible(self, window: Window) -> Bools:
        return audible_frames(window.samples, self.model.frame_samples, self.gate, self.options.min_level_db)

    def _doubt(self, decoded: Decoded, window: Window, language: str) -> Doubt | None:
        first = len(window.forced)
        return judge(
            Evidence(
                decoded,
                first,
                self.tokenizer.decode(decoded.tokens[first:]),
                language,
                self._audible(window),
                frame_seconds(self.model.frame_samples),
                self.decoding,
                self.gate,
            )
        )

    def _words(self, decoded: Decoded, encoding: object, window: Window, language: str) -> tuple[HeardWord, ...]:
        words = self.tokenizer.words(decoded.tokens, language)
        timed = self._spelt(words, encoding, window, language) if window.by_letters else None
        new = [word for word in words if word.first >= len(window.forced)]
        spans = word_spans(
            *(timed or (words, decoded.attention)),
            window.samples,
            self.model.frame_samples,
            silences=[(start - window.start, end - window.start) for start, end in window.silences],
            heads=self.options.timing_heads,
            known=len(words) - len(new),
            earliest=max(window.after - window.start, 0),
        )
        heard = []
        for text, (start, end) in zip(new, spans, strict=True):
            logprobs = decoded.logprobs[text.first : text.first + len(text.tokens)]
            probability = float(np.exp(np.mean(logprobs)))
            word = Word(text.text, window.start + start, window.start + end, probability)
            heard.append(HeardWord(word, text.tokens))
        return tuple(heard)

    def _spelt(
        self, words: list[TextWord], encoding: object, window: Window, language: str
    ) -> tuple[list[TextWord], Floats] | None:
        prompt, room = self._request(window, language).prompt, 2 * (self.decoding.max_previous + 1)
        return spelt(self.model, encoding, prompt, words, self.tokenizer, language, room)

    def _stable(self, decoded: Decoded, window: Window, language: str) -> int | None:
        """How many of the new words AlignAtt would commit."""
        if self.options.policy is not StreamingPolicy.ALIGN_ATT or decoded.attention is None:
            return None
        words = self.tokenizer.words(decoded.tokens, language)
        new = [word for word in words if word.first >= len(window.forced)]
        frame = self.model.frame_samples
        held = self.options.hold_back_ms * SAMPLE_RATE // 1000 // frame
        return stable_words(new, attended_frames(decoded.attention), window.samples.size // frame, held)
