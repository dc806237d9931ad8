"""Beam search: several hypotheses side by side, the best by log-probability over length.

The bookkeeping is that of transformers' beam search (version 4.57, `early_stopping=False`), so that the tokens are
the same: of twice as many continuations as beams the best that go on are followed, an end counts only among the best,
and the search is over when no hypothesis that goes on can beat the worst that has ended. Where letters and words have a
say besides (`joint`), hypotheses are compared by the sum of all scores, whatever their length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.asr.decode.greedy import Decoded, Hypothesis, Request, StopReason
from voxduct.asr.decode.joint import Joint, Note
from voxduct.asr.decode.rules import apply_rules
from voxduct.asr.decode.shortlist import shortlist
from voxduct.models import BatchStep, Floats, Ints, WhisperModel

HOPELESS = 8.0  # where letters and words have a say, what scores so much less than the best is not followed any more


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """A hypothesis: what was said after the forced tokens."""

    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    rows: tuple[Floats, ...] = ()
    """Attention after each token was fed, shape [heads, frames] each."""
    score: float = 0.0
    """Sum of `logprobs`, rounded to single precision after each."""
    note: Note | None = None
    """What letters and words think of it."""

    def attended(self, attention: Floats | None, row: int) -> _Path:
        """After its last token was fed as `row` of a batch; attention of shape [rows, heads, 1, frames]."""
        if attention is None:
            return self
        rows = (*self.rows, attention[row, :, -1])
        return _Path(self.tokens, self.logprobs, rows, self.score, self.note)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A path and the token that may continue it."""

    row: int
    path: _Path
    token: int
    logprob: float
    score: float
    """Of the path, then: the sum of its tokens' log-probabilities."""
    total: float
    """The same, unless letters and words have a say."""
    note: Note | None = None

    def taken(self) -> _Path:
        """The path with the token."""
        path = self.path
        return _Path((*path.tokens, self.token), (*path.logprobs, self.logprob), path.rows, self.score, self.note)


class _Finished:
    """The best hypotheses that have ended, best first; at most `beams`."""

    def __init__(self, beams: int, length_penalty: float | None) -> None:
        """Scores are divided by length to the power of `length_penalty`; None: they are not."""
        self._beams = beams
        self._penalty = length_penalty
        self._kept: list[tuple[float, _Step]] = []

    def add(self, step: _Step) -> None:
        """Takes one that ends with this step, the end token counted in its length."""
        self._kept.append((self._normalised(step.total, len(step.path.tokens) + 1), step))
        self._kept.sort(key=lambda one: one[0], reverse=True)
        del self._kept[self._beams :]

    def beats(self, best: _Step) -> bool:
        """Whether the best step that goes on is no better than the worst of them, of which there are enough.

        Sums hardly ever rise (a word may be likelier after another than alone): where they are compared as they are,
        the best that has ended need not wait for others.
        """
        if self._penalty is None:
            return bool(self._kept) and best.total <= self._kept[0][0]
        if len(self._kept) < self._beams:
            return False
        return self._normalised(best.total, len(best.path.tokens) + 1) <= self._kept[-1][0]

    def best(self) -> _Step:
        """The winner."""
        return self._kept[0][1]

    def _normalised(self, total: float, length: int) -> float:
        return total if self._penalty is None else float(np.float32(total) / np.float32(length**self._penalty))


def beam_search(
    model: WhisperModel,
    encoding: object,
    request: Request,
    beams: int,
    length_penalty: float = 1.0,
    joint: Joint | None = None,
) -> Decoded:
    """Decodes one window with `beams` hypotheses, at least two; letters and words have a say through `joint`.

    What tells how sure a token is are log-probabilities among all tokens, forbidden ones included; `joint` chooses
    among tokens, but does not change these.
    """
    state = model.new_state(encoding)
    first = model.decode([*request.prompt, *request.forced], state)
    told = Hypothesis(request, first)
    limit = max(request.limit - len(request.forced), 1)
    paths, logits = [_Path(note=joint.begin(request.forced) if joint else None)], first.logits[-1:]
    finished = _Finished(beams, None if joint else length_penalty)
    while True:
        steps = _best_steps(paths, logits, request, 2 * beams, joint)
        going_on = _sort_out(steps, request.end, limit, finished, beams)
        if joint is not None:
            going_on = [step for step in going_on if step.total >= going_on[0].total - HOPELESS]
        if not going_on or finished.beats(going_on[0]):
            return _told(told, finished.best(), request.end)
        model.select([step.row for step in going_on], state)
        step = model.decode_batch(np.array([[one.token] for one in going_on], np.int64), state)
        paths, logits = _advanced(going_on, step), step.logits[:, -1]


def _best_steps(
    paths: Sequence[_Path], logits: Floats, request: Request, count: int, joint: Joint | None
) -> list[_Step]:
    """The `count` best continuations, best first; logits of shape [paths, vocabulary]."""
    tokens, logprobs = _likely(paths, logits, request, count)
    scores = logprobs + np.array([[path.score] for path in paths], np.float32)
    if joint is None:
        steps = [
            _Step(row, paths[row], token, logprob, score, score)
            for row, several in enumerate(zip(tokens.tolist(), logprobs.tolist(), scores.tolist(), strict=True))
            for token, logprob, score in zip(*several, strict=True)
            if logprob > -np.inf
        ]
    else:
        steps = list(_asked(joint, paths, tokens, logprobs, scores, request.end))
    return sorted(steps, key=lambda step: step.total, reverse=True)[:count]


def _likely(paths: Sequence[_Path], logits: Floats, request: Request, count: int) -> tuple[Ints, Floats]:
    """The `count` likeliest tokens after each path, in no order, and their log-probabilities; -inf: forbidden."""
    allowed = [
        apply_rules(request.rules, row, (*request.forced, *path.tokens))
        for path, row in zip(paths, _log_softmax(logits), strict=True)
    ]
    scores = np.stack(allowed)
    count = min(count, scores.shape[1])
    tokens = np.argpartition(scores, -count, axis=1)[:, -count:]
    return tokens, np.take_along_axis(scores, tokens, axis=1)


def _asked(
    joint: Joint, paths: Sequence[_Path], tokens: Ints, logprobs: Floats, scores: Floats, end: int
) -> Iterator[_Step]:
    """The likelier steps, scored by all who have a say; tokens and scores of shape [paths, tokens]."""
    notes = [_note(path) for path in paths]
    ending = tokens == end
    listed = shortlist(joint, notes, tokens, np.where(ending, -np.inf, scores), tokens.shape[1])
    places = [divmod(place, tokens.shape[1]) for place, _ in listed]
    asked = [
        (notes[row], int(tokens[row, column]), said) for (row, column), (_, said) in zip(places, listed, strict=True)
    ]
    for (row, column), (_, token, _), note in zip(places, asked, joint.follow(asked), strict=True):
        score = float(scores[row, column])
        yield _Step(row, paths[row], token, float(logprobs[row, column]), score, score + note.score, note)
    for row, column in zip(*np.nonzero(ending & (logprobs > -np.inf)), strict=True):
        score, note = float(scores[row, column]), notes[row]
        yield _Step(int(row), paths[row], end, float(logprobs[row, column]), score, score + joint.end(note), note)


def _note(path: _Path) -> Note:
    if path.note is None:
        raise ValueError("a path that letters and words were never told of")
    return path.note


def _sort_out(steps: Sequence[_Step], end: int, limit: int, finished: _Finished, beams: int) -> list[_Step]:
    """Hands those that end to `finished`, if they are among the best; returns those that go on."""
    going_on: list[_Step] = []
    for rank, step in enumerate(steps):
        if step.token != end and len(step.path.tokens) + 1 < limit:
            going_on.append(step)
        elif rank < beams:
            finished.add(step)
    return going_on[:beams]


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
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal
