"""The rules against those of transformers, on any scores and any text so far."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig
from transformers.generation.logits_process import (
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)

from tests.fakes_hearing import fake_tokenizer
from voxduct.asr.decode.rules import (
    Suppress,
    SuppressFirst,
    SuppressFrom,
    Timestamps,
    apply_rules,
    text_rules,
    whisper_rules,
)
from voxduct.asr.options import DecodingOptions

END, NO_TIMESTAMPS, SIZE = 10, 13, 40
BEGIN = NO_TIMESTAMPS + 1
PROMPT = [11, 12]
TOKENS = st.one_of(st.integers(0, SIZE - 1), st.integers(BEGIN, SIZE - 1))


def by_transformers(scores: np.ndarray, said: list[int], max_initial: int | None) -> np.ndarray:
    config = GenerationConfig(no_timestamps_token_id=NO_TIMESTAMPS, eos_token_id=END)
    config.max_initial_timestamp_index = max_initial
    processor = WhisperTimeStampLogitsProcessor(config, begin_index=len(PROMPT))
    processed: np.ndarray = processor(torch.tensor([PROMPT + said]), torch.tensor(scores)[None])[0].numpy()
    return processed


@settings(max_examples=200, deadline=None)
@given(
    said=st.lists(TOKENS, max_size=6),
    max_initial=st.sampled_from([None, 0, 3, 50]),
    seed=st.integers(0, 10_000),
    lift=st.floats(-6, 6),
)
def test_timestamp_rules_any_text_so_far_forbid_what_transformers_forbids(
    said: list[int], max_initial: int | None, seed: int, lift: float
) -> None:
    scores = np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32) * 2
    scores[BEGIN:] += np.float32(lift)
    rule = Timestamps(BEGIN, NO_TIMESTAMPS, END, max_initial)
    before = scores.copy()
    np.testing.assert_array_equal(apply_rules([rule], scores, said), by_transformers(scores, said, max_initial))
    np.testing.assert_array_equal(scores, before)


def test_timestamp_rules_are_stricter_than_nothing() -> None:
    rule = Timestamps(BEGIN, NO_TIMESTAMPS, END, 3)
    free = np.isfinite(apply_rules([rule], np.zeros(SIZE, np.float32), []))
    assert np.flatnonzero(free).tolist() == [BEGIN, BEGIN + 1, BEGIN + 2, BEGIN + 3]


@settings(max_examples=50, deadline=None)
@given(said=st.lists(TOKENS, max_size=2), tokens=st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=9))
def test_suppress_lists_are_those_of_transformers(said: list[int], tokens: list[int]) -> None:
    scores = np.arange(SIZE, dtype=np.float32)
    ids, row = torch.tensor([PROMPT + said]), torch.tensor(scores)[None]
    always = SuppressTokensLogitsProcessor(tokens)(ids, row)[0].numpy()
    first = SuppressTokensAtBeginLogitsProcessor(tokens, begin_index=len(PROMPT))(ids, row)[0].numpy()
    np.testing.assert_array_equal(apply_rules([Suppress(np.array(tokens))], scores, said), always)
    np.testing.assert_array_equal(apply_rules([SuppressFirst(np.array(tokens))], scores, said), first)


def test_suppress_ids_beyond_the_vocabulary_are_passed_over() -> None:
    scores = np.zeros(4, np.float32)
    rules = (Suppress(np.array([1, 99])), SuppressFirst(np.array([2, 99])), SuppressFrom(50))
    assert np.isfinite(apply_rules(rules, scores, [])).tolist() == [True, False, False, True]


def test_text_rules_leave_text_and_the_end_only() -> None:
    tokenizer = fake_tokenizer("<|de|>", "<|startofprev|>")
    free = np.flatnonzero(
        np.isfinite(apply_rules(text_rules(tokenizer, DecodingOptions()), np.zeros(600, np.float32), []))
    )
    texts = [token for token in range(tokenizer.timestamp_begin) if token not in tokenizer.specials]
    assert free.tolist() == sorted([*texts, tokenizer.end])


def test_whisper_rules_have_timestamps_where_wanted() -> None:
    tokenizer, options = fake_tokenizer(), DecodingOptions(max_initial_timestamp=7)
    assert len(whisper_rules(tokenizer, options, timestamps=False)) == 2
    begin, end = tokenizer.timestamp_begin, tokenizer.end
    rule = whisper_rules(tokenizer, options, timestamps=True)[-1]
    assert rule == Timestamps(begin, tokenizer.no_timestamps, end, 7)
