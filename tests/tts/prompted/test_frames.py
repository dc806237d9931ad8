from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from voxduct.errors import InferenceError
from voxduct.models import Floats, Ints
from voxduct.tts.prompted.frames import TokenFrames, TokenSampling
from voxduct.tts.prompted.script import Choice, Given, Next
from voxduct.tts.sampling import request_rng

VOCABULARY = 50
GREEDY = TokenSampling(temperature=0)


class ScriptedLm:
    """Logits are those of the row that the number of tokens fed so far names."""

    vocabulary = VOCABULARY

    def __init__(self, logits: Floats, context: int = 1000) -> None:
        self.logits, self.context = logits, context
        self.fed: list[list[int]] = []

    def new_state(self) -> object:
        return self.fed

    def position(self, state: object) -> int:
        return sum(len(tokens) for tokens in self.fed)

    def step(self, tokens: Ints, state: object) -> Floats:
        self.fed.append(tokens.tolist())
        found: Floats = self.logits[self.position(state) % len(self.logits)]
        return found


class ListedScript:
    """What is listed, one after the other; every token is a frame."""

    def __init__(self, *listed: Next) -> None:
        self.listed = list(listed)

    def next(self) -> Next:
        return self.listed.pop(0) if self.listed else None

    def take(self, token: int) -> Ints | None:
        return np.array([token])


def logits_of(seed: int, rows: int = 20) -> Floats:
    return np.random.default_rng(seed).standard_normal((rows, VOCABULARY)).astype(np.float32) * 2


def drain(frames: TokenFrames) -> list[int]:
    found = []
    while (frame := frames.next_frame()) is not None:
        found.append(int(frame[0]))
    return found


def test_tokens_that_are_given_are_fed_with_the_next_question() -> None:
    lm = ScriptedLm(logits_of(0))
    either = Choice(np.array([7, 9]))
    script = ListedScript(either, Given((3, 4)), Given((5,)), either)
    drawn = drain(TokenFrames(lm, [1, 2], script, GREEDY, request_rng(0, 0)))
    assert len(drawn) == 2 and set(drawn) <= {7, 9}
    assert lm.fed == [[1, 2], [drawn[0], 3, 4, 5]]


def test_speech_longer_than_the_model_takes_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    lm = ScriptedLm(logits_of(0), context=5)
    anything = Choice(np.arange(VOCABULARY))
    frames = TokenFrames(lm, [1, 2], ListedScript(*[anything] * 10), GREEDY, request_rng(0, 0))
    assert len(drain(frames)) == 4  # the last one is never fed
    assert frames.done
    assert "cut off after 5 tokens" in caplog.text


def test_prompt_longer_than_the_model_takes_is_refused() -> None:
    lm = ScriptedLm(logits_of(0), context=5)
    frames = TokenFrames(lm, range(6), ListedScript(Choice(np.array([1]))), GREEDY, request_rng(0, 0))
    with pytest.raises(InferenceError, match="a prompt of 6 tokens is more than the 5"):
        frames.next_frame()


def expected_chances(how: TokenSampling, logits: Floats, seen: Sequence[int]) -> Floats:
    """By transformers, in the order that `generate` has."""
    ids = torch.tensor([list(seen)])
    steps = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(how.repetition_penalty),
            TemperatureLogitsWarper(how.temperature),
            TopKLogitsWarper(how.top_k or VOCABULARY),
            TopPLogitsWarper(how.top_p),
        ]
    )
    found: Floats = torch.softmax(steps(ids, torch.tensor(logits)[None])[0], dim=-1).numpy()
    return found


@pytest.mark.parametrize(
    "how",
    [
        TokenSampling(0.6, 0.8, None, 1.3),
        TokenSampling(1.0, 1.0, 5, 1.0),
        TokenSampling(0.1, 1.0, None, 1.1),
        TokenSampling(1.5, 0.95, 12, 2.0),
    ],
)
def test_tokens_are_drawn_as_often_as_transformers_would(how: TokenSampling) -> None:
    row, prompt, count = logits_of(3, rows=1), [4, 4, 17, 30], 3000
    counts: Counter[int] = Counter()
    for seed in range(count):
        script = ListedScript(Choice(np.arange(VOCABULARY)))
        counts.update(drain(TokenFrames(ScriptedLm(row), prompt, script, how, request_rng(seed, 0))))
    chances = expected_chances(how, row[0], prompt)
    assert set(counts) <= set(np.flatnonzero(chances).tolist())
    for token, chance in enumerate(chances.tolist()):
        assert counts[token] / count == pytest.approx(chance, abs=4 * np.sqrt(chance / count) + 1e-3)
