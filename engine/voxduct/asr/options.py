"""How recognition behaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

MIN_DELAY_MS, MAX_DELAY_MS = 200, 10_000  # of `AsrOptions.with_delay`


class Task(StrEnum):
    """What becomes of speech: its words, or English ones."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


class StreamingPolicy(StrEnum):
    """When a word of a live utterance is committed."""

    LOCAL_AGREEMENT = "local_agreement"  # two passes in a row heard it: for any model
    ALIGN_ATT = "align_att"  # one pass heard it, and what follows it: for models whose alignment heads can be trusted


@dataclass(frozen=True, slots=True)
class Shares:
    """What letters and words add to the log-probability of a hypothesis, times theirs."""

    letters: float = 0.1
    """Little, because letters know nothing of each other: their log-probabilities are several times as great."""
    words: float = 0.25
    per_word: float = 0.0
    """Added for each word, where a vocabulary alone would say too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingOptions:
    """How tokens are chosen, and when a result is not believed."""

    suppress: tuple[int, ...] = ()
    """Tokens that are never chosen (besides special tokens and timestamps, which never are)."""
    begin_suppress: tuple[int, ...] = ()
    """Tokens that are not chosen as the first one."""
    max_initial_timestamp: int | None = 50
    """The greatest timestamp a window may begin with, in steps of 20 ms; None is any."""
    beams: int = 1
    """Hypotheses that are followed side by side (beam search); 1 is greedy."""
    length_penalty: float = 1.0
    """Hypotheses of a beam search are compared by log-probability over length to this power."""
    shares: Shares = Shares()
    """How much letters and words have to say in a beam search, with a model that spells besides."""
    max_tokens: int = 440
    """Greatest number of text tokens of one window, whatever its length."""
    max_previous: int = 223
    """Greatest number of tokens of earlier text fed before a window: half a Whisper's 448 positions, less one."""
    max_tokens_per_s: float = 10.0
    """A window's tokens are stopped at this rate, plus `spare_tokens`."""
    spare_tokens: int = 8
    min_logprob: float = -1.0
    """Mean log-probability of tokens below which a doubtful window is dropped."""
    max_no_speech: float = 0.6
    """No-speech probability from which a window with low log-probability is dropped."""
    max_compression: float = 2.4
    """Text bytes over their deflated bytes, above which a window is a loop and is dropped."""
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """Of recordings: tried in order until the text is believable. Live streams are decoded at 0 only."""
    seed: int = 0
    """Of the tokens drawn above temperature 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrOptions:
    """How one utterance is followed."""

    language: str | None = None
    """Language code such as `en`; None lets a multilingual model find out. English-only models ignore it."""
    languages: tuple[str, ...] = ()
    """Languages to find out among; empty is all the model knows."""
    task: Task = Task.TRANSCRIBE
    """Whether to write what is said, or to translate it into English."""
    prompt: str = ""
    """Text that seems to come before: names, spellings, a style of punctuation."""
    hot_words: str = ""
    """Words that are likely to be said; unlike the prompt they are never pushed out by later text."""
    policy: StreamingPolicy = StreamingPolicy.LOCAL_AGREEMENT
    """When words are committed. Passes without attention fall back to agreement."""
    update_ms: int = 400
    """Audio between two updates of the text."""
    first_update_ms: int = 800
    """Audio (pre-roll included) before the first update."""
    hold_back_ms: int = 200
    """Audio at the end of what was heard whose words are not committed yet."""
    max_window_s: float = 12.0
    """Longest window that is encoded at once; the utterance may be longer."""
    keep_window_s: float = 6.0
    """How much of a too long window is kept, at least, when it is trimmed."""
    min_window_ms: int = 1_000
    """Shorter windows are filled up with silence."""
    update_tail_ms: int = 300
    """Silence added after the window of an update."""
    final_tail_ms: int = 600
    """Silence added after the window of the final pass."""
    incremental: bool = True
    """Whether a stream's audio is encoded once, chunk by chunk, by models that can; False: each window anew."""
    lookahead_ms: int = 0
    """Audio at the end of a chunk that is encoded again with the next one, so that it has heard what follows it."""
    min_level_db: float = -70.0
    """A window whose loudest 20 ms are quieter than this (RMS, dB of full scale) holds no words."""
    coalesce: bool = True
    """When updates fall behind, go straight to the newest; False computes every one (files and tests)."""
    timing_heads: tuple[int, ...] = ()
    """Of the attention that the model gives, the heads that tell word times best; empty: all."""
    letter_times: bool = False
    """Whether final passes take word times from single letters, for one decoder call more (see `asr.times.letters`)."""
    speculate_ms: int = 150
    """Silence after which a live utterance's final pass begins, should it have ended there; 0 awaits the decision."""

    def with_delay(self, delay_ms: int) -> AsrOptions:
        """The same, but nearly every word is committed `delay_ms` after its end, on a machine that computes at once.

        A quarter of the delay is held back (`hold_back_ms`); the rest is spent between updates, of which AlignAtt
        must wait for one and LocalAgreement for two. A greater delay lets a pass hear more of what follows a word,
        and needs fewer passes. Half of the words are committed in about two thirds of the delay.

        Raises:
            ValueError: less than `MIN_DELAY_MS` or more than `MAX_DELAY_MS`.
        """
        if not MIN_DELAY_MS <= delay_ms <= MAX_DELAY_MS:
            raise ValueError(f"a delay must be between {MIN_DELAY_MS} and {MAX_DELAY_MS} ms, not {delay_ms}")
        held = delay_ms // 4
        passes = 1 if self.policy is StreamingPolicy.ALIGN_ATT else 2
        return replace(self, hold_back_ms=held, update_ms=(delay_ms - held) // passes)
