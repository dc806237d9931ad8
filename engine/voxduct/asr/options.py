"""How recognition behaves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingOptions:
    """How tokens are chosen, and when a result is not believed."""

    suppress: tuple[int, ...] = ()
    """Tokens that are never chosen (besides special tokens and timestamps, which never are)."""
    begin_suppress: tuple[int, ...] = ()
    """Tokens that are not chosen as the first one."""
    max_tokens: int = 440
    """Greatest number of text tokens of one window, whatever its length."""
    max_tokens_per_s: float = 10.0
    """A window's tokens are stopped at this rate, plus `spare_tokens`."""
    spare_tokens: int = 8
    min_logprob: float = -1.0
    """Mean log-probability of tokens below which a doubtful window is dropped."""
    max_no_speech: float = 0.6
    """No-speech probability from which a window with low log-probability is dropped."""
    max_compression: float = 2.4
    """Text bytes over their deflated bytes, above which a window is a loop and is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrOptions:
    """How one utterance is followed."""

    language: str | None = None
    """Language code such as `en`; None lets a multilingual model find out. English-only models ignore it."""
    update_ms: int = 400
    """Audio between two updates of the text."""
    first_update_ms: int = 800
    """Audio (pre-roll included) before the first update."""
    hold_back_ms: int = 200
    """A word that ends this near the end of what was heard is not committed yet."""
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
    min_level_db: float = -70.0
    """A window whose loudest 20 ms are quieter than this (RMS, dB of full scale) holds no words."""
    coalesce: bool = True
    """When updates fall behind, go straight to the newest; False computes every one (files and tests)."""
