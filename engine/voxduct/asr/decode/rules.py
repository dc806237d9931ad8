"""Which tokens may come next: rules over one row of logits, each of which only ever forbids.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 4.5, with the numerics of
openai/whisper and transformers, so that the tokens chosen are theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from voxduct.asr.options import DecodingOptions
from voxduct.asr.tokenizer import Tokenizer
from voxduct.models import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Suppress:
    """Some tokens are never said; ids that the model's vocabulary does not reach are passed over."""

    tokens: Ints

    def apply(self, scores: Floats, said: Sequence[int]) -> None:
        """Forbids them in scores of shape [vocabulary], in place."""
        scores[self.tokens[self.tokens < scores.size]] = -np.inf


@dataclass(frozen=True, slots=True)
class SuppressFrom:
    """No token of this id or a greater one is said."""

    first: int

    def apply(self, scores: Floats, said: Sequence[int]) -> None:
        """Forbids them in scores of shape [vocabulary], in place."""
        scores[self.first :] = -np.inf


@dataclass(frozen=True, slots=True, eq=False)
class SuppressFirst:
    """Some tokens are not said first: a blank, or the end."""

    tokens: Ints

    def apply(self, scores: Floats, said: Sequence[int]) -> None:
        """Forbids them in scores of shape [vocabulary], in place, while nothing is said."""
        if not said:
            scores[self.tokens[self.tokens < scores.size]] = -np.inf


@dataclass(frozen=True, slots=True)
class Timestamps:
    """Text stands between timestamps: they come first, in pairs, and never go back.

    A timestamp is also forced where all timestamps together are likelier than any one text token.
    """

    begin: int
    """The token of 0.00 s; all later ids are timestamps."""
    no_timestamps: int
    end: int
    """The end of the text; smaller ids are text."""
    max_initial: int | None
    """The greatest timestamp that may come first, in steps of 20 ms; None is any."""

    def apply(self, scores: Floats, said: Sequence[int]) -> None:
        """Forbids what breaks the rules, in place; scores of shape [vocabulary], `said` what follows the prompt."""
        scores[self.no_timestamps] = -np.inf
        self._pair(scores, said)
        if not said:
            scores[: self.begin] = -np.inf
            if self.max_initial is not None:
                scores[self.begin + self.max_initial + 1 :] = -np.inf
        if _log_sum_exp(scores[self.begin :]) > scores[: self.begin].max():
            scores[: self.begin] = -np.inf

    def _pair(self, scores: Floats, said: Sequence[int]) -> None:
        after_time = len(said) >= 1 and said[-1] >= self.begin
        after_pair = after_time and (len(said) < 2 or said[-2] >= self.begin)
        last = next((token for token in reversed(said) if token >= self.begin), None)
        if after_pair:
            scores[self.begin :] = -np.inf
        elif after_time:
            scores[: self.end] = -np.inf
        if last is not None:
            closing = after_time and not after_pair  # the same time may open what follows
            scores[self.begin : last + (0 if closing else 1)] = -np.inf


Rule: TypeAlias = Suppress | SuppressFrom | SuppressFirst | Timestamps


def apply_rules(rules: Iterable[Rule], logits: Floats, said: Sequence[int]) -> Floats:
    """Scores of what may follow `said`: logits of shape [vocabulary], forbidden ones -inf; `logits` is left alone."""
    scores = logits.copy()
    for rule in rules:
        rule.apply(scores, said)
    return scores


def whisper_rules(tokenizer: Tokenizer, options: DecodingOptions, *, timestamps: bool) -> tuple[Rule, ...]:
    """The rules of Whisper: the model's suppressed tokens and, where wanted, those of timestamps."""
    rules: tuple[Rule, ...] = (SuppressFirst(_ids(options.begin_suppress)), Suppress(_ids(options.suppress)))
    if not timestamps:
        return rules
    begin = tokenizer.timestamp_begin
    return *rules, Timestamps(begin, tokenizer.no_timestamps, tokenizer.end, options.max_initial_timestamp)


def text_rules(tokenizer: Tokenizer, options: DecodingOptions) -> tuple[Rule, ...]:
    """Whisper's rules without timestamps, and no special token but the end: what is said is all text."""
    never = {*tokenizer.specials, *options.suppress} - {tokenizer.end}
    return (
        SuppressFirst(_ids(options.begin_suppress)),
        Suppress(_ids(never)),
        SuppressFrom(tokenizer.timestamp_begin),
    )


def _ids(tokens: Iterable[int]) -> Ints:
    return np.array(sorted(token for token in set(tokens) if token >= 0), np.int64)


def _log_sum_exp(scores: Floats) -> float:
    top = float(scores.max(initial=-np.inf))
    return top if top == -np.inf else top + float(np.log(np.exp(scores - top).sum(dtype=np.float64)))
