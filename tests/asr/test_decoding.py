from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_hearing import WORDS, fake_tokenizer
from voxduct.asr.decode.greedy import Decoded, Request, Sampler, StopReason, compression_ratio, greedy, repeated_tail
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.options import DecodingOptions
from voxduct.models import BatchStep, DecoderStep, Floats, Ints

TOKENIZER = fake_tokenizer()
ALPHA, BRAVO, CHARLIE = TOKENIZER.encode(" alpha bravo charlie")
PROMPT = TOKENIZER.prompt(None)
SIZE = 400


class Script:
    """Wants to say `tokens` whatever it hears; the second choice is always CHARLIE."""

    num_mels = 80
    frame_samples = 320
    dynamic = True

    def __init__(self, tokens: Sequence[int], *, attentive: bool = True) -> None:
        self._tokens = tokens
        self._attentive = attentive
        self.calls: list[list[int]] = []

    def encode(self, log_mel: Floats) -> object:
        return None

    def num_frames(self, encoding: object) -> int:
        return 10

    def new_state(self, encoding: object) -> list[int]:
        return []

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        assert isinstance(state, list)
        self.calls.append(list(tokens))
        logits = np.zeros((len(tokens), SIZE), np.float32)
        for i, token in enumerate(tokens):
            state.append(token)
            said = len(state) - len(PROMPT)
            wanted = self._tokens[said] if 0 <= said < len(self._tokens) else TOKENIZER.end
            logits[i, CHARLIE] = 5.0
            logits[i, wanted] = 10.0
        places = np.arange(len(state) - len(tokens), len(state), dtype=np.float32)
        rows = np.broadcast_to(places[None, :, None], (2, len(tokens), 10))
        return DecoderStep(logits, rows if self._attentive else None)

    def rewind(self, tokens: int, state: object) -> None:
        assert isinstance(state, list)
        assert len(state) > tokens
        del state[tokens:]

    def new_batch(self, encodings: Sequence[object]) -> list[list[int]]:
        return [self.new_state(encoding) for encoding in encodings]

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        assert isinstance(state, list)
        steps = [self.decode(row.tolist(), own) for row, own in zip(tokens, state, strict=True)]
        attention = [step.attention for step in steps if step.attention is not None]
        return BatchStep(np.stack([step.logits for step in steps]), np.stack(attention) if attention else None)

    def select(self, rows: Sequence[int], state: object) -> None:
        assert isinstance(state, list)
        state[:] = [list(state[row]) for row in rows]


def decoded(
    model: Script,
    forced: Sequence[int] = (),
    samples: int = 16_000,
    options: DecodingOptions | None = None,
    draft: Sequence[int] = (),
) -> Decoded:
    options = options or DecodingOptions()
    rules = text_rules(TOKENIZER, options)
    return greedy(model, None, Request.of_text(TOKENIZER, options, rules, PROMPT, samples, forced, draft=draft))


def test_greedy_says_what_the_model_wants_until_the_end() -> None:
    result = decoded(Script([ALPHA, BRAVO]))
    assert result.tokens == (ALPHA, BRAVO)
    assert result.reason is StopReason.END


def test_greedy_log_probability_is_the_softmax_over_allowed_tokens() -> None:
    allowed = len([t for t in range(TOKENIZER.timestamp_begin) if t not in TOKENIZER.specials]) + 1  # and the end
    expected = 10.0 - math.log(math.exp(10.0) + math.exp(5.0) + allowed - 2)
    assert decoded(Script([ALPHA])).mean_logprob() == pytest.approx(expected, abs=1e-4)


def test_greedy_forced_tokens_are_fed_in_the_first_call_only() -> None:
    model = Script([ALPHA, BRAVO, ALPHA])
    assert decoded(model, forced=[ALPHA, BRAVO]).tokens == (ALPHA, BRAVO, ALPHA)
    assert model.calls == [[*PROMPT, ALPHA, BRAVO], [ALPHA]]


def test_greedy_right_draft_costs_one_call() -> None:
    model = Script([ALPHA, BRAVO, ALPHA])
    assert decoded(model, forced=[ALPHA], draft=[BRAVO, ALPHA]).tokens == (ALPHA, BRAVO, ALPHA)
    assert model.calls == [[*PROMPT, ALPHA, BRAVO, ALPHA]]


def test_greedy_draft_that_is_too_short_is_gone_on_from() -> None:
    model = Script([ALPHA, BRAVO, ALPHA])
    assert decoded(model, draft=[ALPHA, BRAVO]).tokens == (ALPHA, BRAVO, ALPHA)
    assert model.calls == [[*PROMPT, ALPHA, BRAVO], [ALPHA]]


def test_greedy_wrong_draft_is_forgotten_from_its_first_wrong_token_on() -> None:
    model = Script([ALPHA, BRAVO, ALPHA])
    assert decoded(model, draft=[ALPHA, CHARLIE, ALPHA]).tokens == (ALPHA, BRAVO, ALPHA)
    assert model.calls == [[*PROMPT, ALPHA, CHARLIE, ALPHA], [BRAVO], [ALPHA]]


@given(
    said=st.lists(st.sampled_from([ALPHA, BRAVO, CHARLIE]), max_size=8),
    forced=st.lists(st.sampled_from([ALPHA, BRAVO]), max_size=3),
    draft=st.lists(st.sampled_from([ALPHA, BRAVO, CHARLIE]), max_size=8),
    right=st.integers(0, 8),
    attentive=st.booleans(),
)
def test_greedy_any_draft_changes_nothing_that_is_decoded(
    said: list[int], forced: list[int], draft: list[int], right: int, attentive: bool
) -> None:
    draft = said[len(forced) :][:right] + draft
    plain = decoded(Script(said, attentive=attentive), forced, 4_000)
    drafted = decoded(Script(said, attentive=attentive), forced, 4_000, draft=draft)
    assert drafted.tokens == plain.tokens
    assert drafted.logprobs == plain.logprobs
    assert drafted.reason is plain.reason
    assert (drafted.attention is None) == (plain.attention is None)
    if plain.attention is not None and drafted.attention is not None:
        assert np.array_equal(drafted.attention, plain.attention)


def test_greedy_attention_has_a_row_per_token_and_one_for_the_end() -> None:
    for forced in ([], [ALPHA], [ALPHA, BRAVO]):
        attention = decoded(Script([ALPHA, BRAVO]), forced=forced).attention
        assert attention is not None
        assert attention.shape == (2, 3, 10)


def test_greedy_model_without_attention_gives_none() -> None:
    assert decoded(Script([ALPHA], attentive=False)).attention is None


def test_greedy_suppressed_tokens_are_passed_over() -> None:
    assert decoded(Script([ALPHA]), options=DecodingOptions(suppress=(ALPHA,))).tokens == (CHARLIE,)


def test_greedy_special_tokens_are_never_chosen() -> None:
    assert decoded(Script([TOKENIZER.start])).tokens == (CHARLIE,)


def test_greedy_begin_suppressed_tokens_are_passed_over_at_the_beginning_only() -> None:
    options = DecodingOptions(begin_suppress=(ALPHA, TOKENIZER.end))
    assert decoded(Script([ALPHA, ALPHA]), options=options).tokens == (CHARLIE, ALPHA)
    assert decoded(Script([ALPHA]), forced=[ALPHA], options=options).tokens == (ALPHA,)


def test_greedy_more_tokens_than_anyone_says_are_cut_off() -> None:
    words = TOKENIZER.encode("".join(f" {word}" for word in WORDS))
    result = decoded(Script([*words, *words[::2], *words[1::2], *words[::-1]]), samples=8_000)
    assert len(result.tokens) == 5 + 8
    assert result.reason is StopReason.RATE


@pytest.mark.parametrize("phrase", [[ALPHA], [ALPHA, BRAVO], [ALPHA, BRAVO, CHARLIE, CHARLIE]])
def test_greedy_loop_is_cut_off_after_the_first_time(phrase: list[int]) -> None:
    delta = TOKENIZER.encode(" delta")[0]
    result = decoded(Script([delta, *phrase * 20]), samples=160_000)
    assert result.tokens == (delta, *phrase)
    assert result.reason is StopReason.LOOP
    assert result.attention is not None
    assert result.attention.shape[1] == len(result.tokens) + 1
    assert len(result.logprobs) == len(result.tokens)


def test_repeated_tail_a_word_said_five_times_is_no_loop() -> None:
    assert repeated_tail([ALPHA] * 5) == 0
    assert repeated_tail([ALPHA] * 6) == 5


def test_no_speech_is_the_probability_at_the_start_token() -> None:
    assert decoded(Script([ALPHA])).no_speech == pytest.approx(0.0, abs=0.01)
    assert TOKENIZER.no_speech is not None

    class Quiet(Script):
        def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
            step = super().decode(tokens, state)
            if len(self.calls) == 1:
                step.logits[0, TOKENIZER.no_speech] = 30.0
            return step

    assert decoded(Quiet([ALPHA])).no_speech == pytest.approx(1.0, abs=0.01)


def test_compression_ratio_of_a_loop_is_high() -> None:
    assert compression_ratio("thank you for watching " * 10) > 2.4 > compression_ratio("it is a fine day for a walk")


def test_average_log_probability_counts_the_end() -> None:
    result = decoded(Script([ALPHA, BRAVO]))
    assert result.end_logprob < 0.0
    assert result.average_logprob == pytest.approx((sum(result.logprobs) + result.end_logprob) / 3)


def test_sampler_draws_are_those_of_the_softmax_and_of_the_seed() -> None:
    scores = np.log(np.array([0.5, 0.3, 0.2, 0.0], np.float32) + 1e-30)
    scores[3] = -np.inf
    draw, again = Sampler(1.0, 7), Sampler(1.0, 7)
    drawn = [draw(scores) for _ in range(2_000)]
    assert drawn == [again(scores) for _ in range(2_000)]
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 2_000, [0.5, 0.3, 0.2, 0.0], atol=0.04)


def test_sampler_near_temperature_zero_takes_the_best() -> None:
    scores = np.array([1.0, 1.2, 0.9], np.float32)
    draw = Sampler(1e-3, 0)
    assert {draw(scores) for _ in range(100)} == {1}
