"""Log-probabilities become tokens: greedy decoding with Whisper's rules and guards against runaways."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from voxduct.asr.options import DecodingOptions
from voxduct.asr.tokenizer import Tokenizer
from voxduct.audio import SAMPLE_RATE
from voxduct.models import DecoderStep, Floats, WhisperModel

Bools = npt.NDArray[np.bool_]

LOOPS = ((1, 6), (2, 4), (3, 4), *((period, 3) for period in range(4, 17)))  # (tokens of a phrase, times in a row)


class StopReason(StrEnum):
    """Why decoding stopped."""

    END = "end"
    RATE = "rate"  # more tokens than anyone can say in that time
    LOOP = "loop"  # the same phrase again and again


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was decoded from one window."""

    tokens: tuple[int, ...]
    """Text tokens, the forced ones first."""
    logprobs: tuple[float, ...]
    """Of each of `tokens`."""
    attention: Floats | None
    """Cross-attention by which each of `tokens`, then the end, was predicted; shape [heads, tokens + 1, frames]."""
    no_speech: float
    """Probability that the window holds no speech; 0 when the vocabulary has no token for it."""
    reason: StopReason

    def mean_logprob(self, first: int = 0) -> float:
        """Of the tokens from index `first` on; 0 when there are none."""
        return float(np.mean(self.logprobs[first:])) if len(self.logprobs) > first else 0.0


def greedy(
    model: WhisperModel,
    encoding: object,
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    forced: Sequence[int],
    samples: int,
    options: DecodingOptions,
) -> Decoded:
    """Decodes one window.

    Args:
        model: the Whisper.
        encoding: what its encoder said about the window.
        tokenizer: its vocabulary.
        prompt: special tokens before the text, the start token first.
        forced: text tokens that are known; fed in one call with the prompt, never decoded again.
        samples: how much audio the window holds; limits the number of tokens.
        options: suppressed tokens and limits.
    """
    state = model.new_state(encoding)
    step = model.decode([*prompt, *forced], state)
    no_speech = _probability(step.logits[0], tokenizer.no_speech)
    tokens, logprobs, rows = _read_forced(step, len(prompt), forced)
    allowed = _allowed(tokenizer, step.logits.shape[1], options)
    limit = max(_limit(samples, options), len(forced))
    while True:
        token, logprob = _choose(step.logits[-1], allowed, options.begin_suppress if not tokens else ())
        if token == tokenizer.end or len(tokens) >= limit:
            reason = StopReason.END if token == tokenizer.end else StopReason.RATE
            break
        tokens.append(token)
        logprobs.append(logprob)
        if repeated := repeated_tail(tokens[len(forced) :]):
            del tokens[-repeated:], logprobs[-repeated:]
            del rows[len(tokens) + 1 :]
            reason = StopReason.LOOP
            break
        step = model.decode([token], state)
        if step.attention is not None:
            rows.append(step.attention[:, -1])
    attention = np.stack(rows, axis=1) if rows else None
    return Decoded(tuple(tokens), tuple(logprobs), attention, no_speech, reason)


def detect_language(model: WhisperModel, encoding: object, tokenizer: Tokenizer) -> str:
    """The most probable language of a window, by one decoder step, as Whisper does."""
    logits = model.decode([tokenizer.start], model.new_state(encoding)).logits[-1]
    known = {code: token for code, token in tokenizer.languages.items() if token < logits.size}
    return max(known, key=lambda code: float(logits[known[code]]))


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


def _limit(samples: int, options: DecodingOptions) -> int:
    by_rate = int(options.max_tokens_per_s * samples / SAMPLE_RATE) + options.spare_tokens
    return min(by_rate, options.max_tokens)


def _read_forced(step: DecoderStep, before: int, forced: Sequence[int]) -> tuple[list[int], list[float], list[Floats]]:
    """Forced tokens, their log-probabilities, and the attention rows that predicted them and what follows."""
    predicting = step.logits[before - 1 : before - 1 + len(forced)]
    logprobs = [float(_log_softmax(row)[token]) for row, token in zip(predicting, forced, strict=True)]
    rows = [] if step.attention is None else list(step.attention[:, before - 1 :].swapaxes(0, 1))
    return list(forced), logprobs, rows


def _allowed(tokenizer: Tokenizer, vocabulary: int, options: DecodingOptions) -> Bools:
    """Which tokens may be chosen: text and the end; shape [vocabulary]."""
    allowed = np.ones(vocabulary, np.bool_)
    never = {*tokenizer.specials, *options.suppress} - {tokenizer.end}
    allowed[[token for token in never if token < vocabulary]] = False
    return allowed


def _choose(logits: Floats, allowed: Bools, begin_suppress: Sequence[int]) -> tuple[int, float]:
    """The best allowed token and its log-probability among the allowed ones."""
    scores = np.where(allowed, logits, -np.inf)
    scores[[token for token in begin_suppress if token < scores.size]] = -np.inf
    token = int(np.argmax(scores))
    return token, float(_log_softmax(scores)[token])


def _log_softmax(logits: Floats) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    normal: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return normal


def _probability(logits: Floats, token: int | None) -> float:
    return 0.0 if token is None or token >= logits.size else float(np.exp(_log_softmax(logits)[token]))
