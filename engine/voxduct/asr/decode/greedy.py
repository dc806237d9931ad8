"""Logits become tokens: greedy decoding and sampling, with guards against runaways."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from voxduct.asr.decode.rules import Rule, apply_rules
from voxduct.asr.options import DecodingOptions
from voxduct.asr.tokenizer import Tokenizer
from voxduct.audio import SAMPLE_RATE
from voxduct.models import DecoderStep, Floats, WhisperModel

LOOPS = ((1, 6), (2, 4), (3, 4), *((period, 3) for period in range(4, 17)))  # (tokens of a phrase, times in a row)

Choose = Callable[[Floats], int]
"""Scores of shape [vocabulary], forbidden ones -inf, to the next token."""


class StopReason(StrEnum):
    """Why decoding stopped."""

    END = "end"
    RATE = "rate"  # more tokens than anyone can say in that time, or than the model has room for
    LOOP = "loop"  # the same phrase again and again


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was decoded from one window."""

    tokens: tuple[int, ...]
    """Text tokens and timestamps, the forced ones first."""
    logprobs: tuple[float, ...]
    """Of each of `tokens`."""
    attention: Floats | None
    """Cross-attention by which each of `tokens`, then the end, was predicted; shape [heads, tokens + 1, frames]."""
    no_speech: float
    """Probability that the window holds no speech; 0 when the vocabulary has no token for it."""
    reason: StopReason
    end_logprob: float = 0.0
    """Of the end token; 0 where decoding stopped for another reason."""

    def mean_logprob(self, first: int = 0) -> float:
        """Of the tokens from index `first` on; 0 when there are none."""
        return float(np.mean(self.logprobs[first:])) if len(self.logprobs) > first else 0.0

    @property
    def average_logprob(self) -> float:
        """Of all tokens and the end, as Whisper's thresholds mean it; 0 when there are none."""
        count = len(self.logprobs) + (self.reason is StopReason.END)
        return (sum(self.logprobs) + self.end_logprob) / count if count else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """How one window is decoded."""

    prompt: tuple[int, ...]
    """Tokens before the text: previous text, if any, then the special tokens."""
    forced: tuple[int, ...] = ()
    """Text tokens that are known; fed in one call with the prompt, never decoded again."""
    draft: tuple[int, ...] = ()
    """Text tokens that are expected after these; fed in the same call, kept as far as they are what is chosen."""
    rules: tuple[Rule, ...]
    limit: int
    """Greatest number of tokens after the prompt, forced ones included unless there are more of those."""
    start: int
    end: int
    no_speech: int | None = None
    """The token that means it, at the place of the start token."""
    stop_at_loops: bool = True
    """Cut a phrase off that comes again and again."""

    @classmethod
    def of_text(
        cls,
        tokenizer: Tokenizer,
        options: DecodingOptions,
        rules: tuple[Rule, ...],
        prompt: Sequence[int],
        samples: int | None,
        forced: Sequence[int] = (),
        *,
        draft: Sequence[int] = (),
        stop_at_loops: bool = True,
    ) -> Request:
        """A request limited by what the decoder has room for, and by what can be said in `samples` of audio."""
        positions = 2 * (options.max_previous + 1)
        limit = min(options.max_tokens, positions - len(prompt) - 1)
        if samples is not None:
            limit = min(limit, int(options.max_tokens_per_s * samples / SAMPLE_RATE) + options.spare_tokens)
        return cls(
            prompt=tuple(prompt),
            forced=tuple(forced),
            draft=tuple(draft[: max(limit - len(forced), 0)]),
            rules=rules,
            limit=limit,
            start=tokenizer.start,
            end=tokenizer.end,
            no_speech=tokenizer.no_speech,
            stop_at_loops=stop_at_loops,
        )


class Hypothesis:
    """One text that grows token by token, with the evidence for it."""

    def __init__(self, request: Request, step: DecoderStep) -> None:
        """After the prompt and the forced tokens were fed; `step` is what the decoder said to these, and maybe more."""
        before = len(request.prompt)
        after = before + len(request.forced)
        predicting = step.logits[before - 1 : after - 1]
        start = before - 1 - request.prompt[::-1].index(request.start)
        self._request = request
        self._limit = max(request.limit, len(request.forced))
        self._rows = [] if step.attention is None else list(step.attention[:, before - 1 : after].swapaxes(0, 1))
        self._no_speech = _probability(step.logits[start], request.no_speech)
        self._reason = StopReason.END
        self._end_logprob = 0.0
        self.tokens = list(request.forced)
        self.logprobs = [log_probability(row, token) for row, token in zip(predicting, request.forced, strict=True)]

    def extend(self, logits: Floats, choose: Choose) -> int | None:
        """Takes the next token by logits of shape [vocabulary]; feed it to the decoder. None: the text has ended."""
        request = self._request
        scores = apply_rules(request.rules, logits, self.tokens)
        token = choose(scores)
        logprob = log_probability(scores, token)
        if token == request.end:
            self._end_logprob = logprob
            return None
        if len(self.tokens) >= self._limit:
            self._reason = StopReason.RATE
            return None
        self.tokens.append(token)
        self.logprobs.append(logprob)
        return None if request.stop_at_loops and self._loops() else token

    def attend(self, attention: Floats | None) -> None:
        """The alignment heads' weights by which the next token will be predicted, shape [heads, frames]."""
        if attention is not None:
            self._rows.append(attention)

    def stop(self, reason: StopReason, end_logprob: float = 0.0) -> None:
        """Says how it ended, where that was not found out by `extend`."""
        self._reason, self._end_logprob = reason, end_logprob

    def decoded(self) -> Decoded:
        """What was said."""
        attention = np.stack(self._rows, axis=1) if self._rows else None
        tokens, logprobs = tuple(self.tokens), tuple(self.logprobs)
        return Decoded(tokens, logprobs, attention, self._no_speech, self._reason, self._end_logprob)

    def _loops(self) -> bool:
        repeated = repeated_tail(self.tokens[len(self._request.forced) :])
        if repeated:
            del self.tokens[-repeated:], self.logprobs[-repeated:]
            del self._rows[len(self.tokens) + 1 :]
            self._reason = StopReason.LOOP
        return repeated > 0


def most_probable(scores: Floats) -> int:
    """The best token of scores of shape [vocabulary]."""
    return int(np.argmax(scores))


class Sampler:
    """Draws tokens at a temperature, from a seed: the same draws for the same scores.

    Gumbel-max: the greatest of the scores with Gumbel noise is distributed as their softmax.
    """

    def __init__(self, temperature: float, seed: int) -> None:
        self._temperature = temperature
        self._random = np.random.default_rng(seed)

    def __call__(self, scores: Floats) -> int:
        """Draws from scores of shape [vocabulary]; forbidden ones, -inf, are never drawn."""
        return int(np.argmax(scores / self._temperature + self._random.gumbel(size=scores.size)))


def greedy(model: WhisperModel, encoding: object, request: Request, choose: Choose = most_probable) -> Decoded:
    """Decodes one window token by token; `choose` makes it sampling.

    A draft costs one call however many of its tokens are right, and changes nothing but the time: each is kept only if
    it is what would have been chosen. This is speculative decoding (Leviathan, Kalman and Matias, 2023, section 2.3,
    at temperature 0) with what was heard before in the place of a small model.
    """
    state = model.new_state(encoding)
    known = len(request.prompt) + len(request.forced)
    step = model.decode([*request.prompt, *request.forced, *request.draft], state)
    hypothesis = Hypothesis(request, step)
    expected, row = list(request.draft), known - 1
    while (token := hypothesis.extend(step.logits[row], choose)) is not None:
        if expected and expected.pop(0) == token:
            row += 1
        else:
            if expected or row + 1 < len(step.logits):
                model.rewind(row + 1, state)
            expected, row = [], 0
            step = model.decode([token], state)
        hypothesis.attend(None if step.attention is None else step.attention[:, row])
    return hypothesis.decoded()


def compression_ratio(text: str) -> float:
    """Bytes over deflated bytes; text that repeats itself has a high one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def repeated_tail(tokens: Sequence[int]) -> int:
    """How many tokens at the end only repeat what came before, when that is a loop; else 0."""
    for period, times in LOOPS:
        span = period * times
        if len(tokens) >= span:
            tail = list(tokens[-span:])
            if tail == tail[:period] * times:
                return span - period
    return 0


def log_probability(scores: Floats, token: int) -> float:
    """Of `token` in the softmax over scores of shape [vocabulary]."""
    top = float(scores.max())
    return float(scores[token]) - top - float(np.log(np.exp(scores - top).sum(dtype=np.float64)))


def _probability(logits: Floats, token: int | None) -> float:
    return 0.0 if token is None or token >= logits.size else float(np.exp(log_probability(logits, token)))
