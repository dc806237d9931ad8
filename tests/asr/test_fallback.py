from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.asr.test_decoding import ALPHA, BRAVO, PROMPT, TOKENIZER, Script
from voxduct.asr.decode.fallback import Attempt, decode_with_fallback
from voxduct.asr.decode.greedy import Request
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.options import DecodingOptions
from voxduct.models import DecoderStep


class Unsure(Script):
    """Wants the end as little as any word, and may hear no speech."""

    def __init__(self, tokens: Sequence[int], *, certainty: float, no_speech: float = -30.0) -> None:
        super().__init__(tokens)
        self._certainty = certainty
        self._silence = no_speech

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        step = super().decode(tokens, state)
        step.logits[:] = np.where(step.logits == 10.0, self._certainty, 0.0)
        step.logits[:, TOKENIZER.no_speech] = self._silence
        return step


def attempt(model: Script, **options: object) -> Attempt:
    chosen = DecodingOptions(**options)  # type: ignore[arg-type]
    rules = text_rules(TOKENIZER, chosen)
    request = Request.of_text(TOKENIZER, chosen, rules, PROMPT, 16_000, stop_at_loops=False)
    return decode_with_fallback(model, None, request, TOKENIZER, chosen)


def test_fallback_believable_text_is_taken_at_once() -> None:
    found = attempt(Unsure([ALPHA, BRAVO], certainty=20.0))
    assert (found.temperature, found.decoded.tokens, found.text) == (0.0, (ALPHA, BRAVO), " alpha bravo")


def test_fallback_unlikely_text_is_drawn_at_every_temperature() -> None:
    found = attempt(Unsure([ALPHA, BRAVO], certainty=1.0), temperatures=(0.0, 0.5, 1.0))
    assert found.temperature == 1.0


def test_fallback_same_seed_draws_the_same_and_another_differs() -> None:
    def tokens(seed: int) -> tuple[int, ...]:
        return attempt(Unsure([ALPHA, BRAVO], certainty=1.0), temperatures=(1.0,), seed=seed).decoded.tokens

    assert tokens(1) == tokens(1)
    assert len({tokens(seed) for seed in range(5)}) > 1


def test_fallback_loop_is_drawn_anew_until_it_compresses_no_more() -> None:
    looping = Unsure([ALPHA] * 18, certainty=8.0)
    assert attempt(looping, temperatures=(0.0,)).compression > 2.4
    found = attempt(looping, temperatures=(0.0, 4.0), min_logprob=-99.0)
    assert found.temperature == 4.0
    assert found.compression < 2.4


def test_fallback_probable_silence_is_not_drawn_anew() -> None:
    quiet = Unsure([ALPHA, BRAVO], certainty=1.0, no_speech=30.0)
    found = attempt(quiet)
    assert found.temperature == 0.0
    assert found.is_silence(DecodingOptions())
    assert len(quiet.calls) < 30


@pytest.mark.parametrize("no_speech", [-30.0, 30.0])
def test_fallback_sure_text_is_no_silence_whatever_no_speech_says(no_speech: float) -> None:
    found = attempt(Unsure([ALPHA], certainty=20.0, no_speech=no_speech))
    assert not found.is_silence(DecodingOptions())
