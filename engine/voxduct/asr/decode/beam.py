"""Beam search: several hypotheses side by side, the best by log-probability over length.

The bookkeeping is that of transformers' beam search (version 4.57, `early_stopping=False`), so that the tokens are
the same: of twice as many continuations as beams the best that go on are followed, an end counts only among the best,
and the search is over when no hypothesis that goes on can beat the worst that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.asr.decode.greedy import Decoded, Hypothesis, Request, StopReason
from voxduct.asr.decode.rules import apply_rules
from voxduct.models import BatchStep, Floats, WhisperModel


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """A hypothesis: what was said after the forced tokens."""

    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    rows: tuple[Floats, ...] = ()
    """Attention after each token was fed, shape [heads, frames] each."""
    score: float = 0.0
    """Sum of `logprobs`, rounded to single precision after each."""

    def attended(self, attention: Floats | None, row: int) -> _Path:
        """After its last token was fed as `row` of a batch; attention of shape [rows, heads, 1, frames]."""
        if attention is None:
            return self
        return _Path(self.tokens, self.logprobs, (*self.rows, attention[row, :, -1]), self.score)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A path and the token that may continue it."""

    row: int
    path: _Path
    token: int
    logprob: float
    score: float

    def taken(self) -> _Path:
        """The path with the token."""
        return _Path((*self.path.tokens, self.token), (*self.path.logprobs, self.logprob), self.path.rows, self.score)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Who else has a say in which hypothesis wins."""

    by: Callable[[Sequence[Sequence[int]]], Floats | None]
    """Log-probabilities of the tokens after the forced ones of each hypothesis, shape [hypotheses]; None abstains."""
    share: float
    """What part of the score that is, 0 to 1."""


class _Finished:
    """The best hypotheses that have ended, best first; at most `beams`."""

    def __init__(self, beams: int, length_penalty: float) -> None:
        self._beams = beams
        self._penalty = length_penalty
        self._kept: list[tuple[float, _Step]] = []

    def add(self, step: _Step) -> None:
        """Takes one that ends with this step, the end token counted in its length."""
        self._kept.append((self._normalised(step.score, len(step.path.tokens) + 1), step))
        self._kept.sort(key=lambda one: one[0], reverse=True)
        del self._kept[self._beams :]

    def beats(self, best: _Path) -> bool:
        """Whether there are enough of them, and the best path that goes on is no better than the worst of them."""
        if len(self._kept) < self._beams:
            return False
        return self._normalised(best.score, len(best.tokens)) <= self._kept[-1][0]

    def best(self, end: int, judged: Judged | None = None) -> _Step:
        """The winner: by log-probability over length, or by its sum and a second opinion where there is one."""
        steps = [step for _, step in self._kept]
        opinions = None if judged is None or len(steps) < 2 else judged.by([_said(step, end) for step in steps])
        if judged is None or opinions is None:
            return steps[0]
        share = judged.share
        scores = [(1 - share) * step.score + share * float(said) for step, said in zip(steps, opinions, strict=True)]
        return steps[int(np.argmax(scores))]

    def _normalised(self, score: float, length: int) -> float:
        return float(np.float32(score) / np.float32(length**self._penalty))


def beam_search(
    model: WhisperModel,
    encoding: object,
    request: Request,
    beams: int,
    length_penalty: float = 1.0,
    judged: Judged | None = None,
) -> Decoded:
    """Decodes one window with `beams` hypotheses, at least two; of those that end, `judged` helps to choose.

    What tells how sure a token is are log-probabilities among all tokens, forbidden ones included.
    """
    state = model.new_state(encoding)
    first = model.decode([*request.prompt, *request.forced], state)
    told = Hypothesis(request, first)
    limit = max(request.limit - len(request.forced), 1)
    paths, logits = [_Path()], first.logits[-1:]
    finished = _Finished(beams, length_penalty)
    while True:
        going_on = _sort_out(_best_steps(paths, logits, request, 2 * beams), request.end, limit, finished, beams)
        if not going_on or finished.beats(going_on[0].taken()):
            return _told(told, finished.best(request.end, judged), request.end)
        model.select([step.row for step in going_on], state)
        step = model.decode_batch(np.array([[one.token] for one in going_on], np.int64), state)
        paths, logits = _advanced(going_on, step), step.logits[:, -1]


def _best_steps(paths: Sequence[_Path], logits: Floats, request: Request, count: int) -> list[_Step]:
    """The `count` best continuations, best first; logits of shape [paths, vocabulary]."""
    steps = [step for row, path in enumerate(paths) for step in _steps(row, path, logits[row], request, count)]
    return sorted(steps, key=lambda step: step.score, reverse=True)[:count]


def _steps(row: int, path: _Path, logits: Floats, request: Request, count: int) -> Iterator[_Step]:
    scores = apply_rules(request.rules, _log_softmax(logits), (*request.forced, *path.tokens))
    count = min(count, scores.size)
    for token in np.argpartition(scores, -count)[-count:].tolist():
        logprob = scores[token]
        if logprob > -np.inf:
            yield _Step(row, path, token, float(logprob), float(np.float32(path.score) + logprob))


def _sort_out(steps: Sequence[_Step], end: int, limit: int, finished: _Finished, beams: int) -> list[_Step]:
    """Hands those that end to `finished`, if they are among the best; returns those that go on."""
    going_on: list[_Step] = []
    for rank, step in enumerate(steps):
        if step.token != end and len(step.path.tokens) + 1 < limit:
            going_on.append(step)
        elif rank < beams:
            finished.add(step)
    return going_on[:beams]


def _said(step: _Step, end: int) -> tuple[int, ...]:
    return step.path.tokens if step.token == end else (*step.path.tokens, step.token)


def _advanced(steps: Sequence[_Step], fed: BatchStep) -> list[_Path]:
    return [step.taken().attended(fed.attention, row) for row, step in enumerate(steps)]


def _told(hypothesis: Hypothesis, last: _Step, end: int) -> Decoded:
    ended = last.token == end
    path = last.path if ended else last.taken()
    hypothesis.tokens += path.tokens
    hypothesis.logprobs += path.logprobs
    for row in path.rows:
        hypothesis.attend(row)
    hypothesis.stop(StopReason.END if ended else StopReason.RATE, last.logprob if ended else 0.0)
    return hypothesis.decoded()


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max()
    normal: Floats = shifted - np.log(np.exp(shifted).sum())
    return normal
