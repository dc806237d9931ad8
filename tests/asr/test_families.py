"""Every family of Whisper against transformers, token for token."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.asr.families import NEW_TOKENS, Pair
from voxduct.asr.decode.batch import greedy_batch
from voxduct.asr.decode.fallback import search
from voxduct.asr.decode.greedy import greedy
from voxduct.asr.options import DecodingOptions

CASES = [
    pytest.param(
        *case, id=f"{'timestamps' if case[0] else 'text'}-{'prompt' if case[1] else 'bare'}-{case[2] or 'any'}"
    )
    for case in product((False, True), (False, True), (None, "de"))
]


@pytest.mark.parametrize("beams", [1, 3], ids=["greedy", "beam"])
@pytest.mark.parametrize(("timestamps", "prompt", "language"), CASES)
def test_tokens_of_every_family_equal_those_of_transformers(
    pair: Pair, beams: int, timestamps: bool, prompt: bool, language: str | None
) -> None:
    if language is not None and not pair.family.multilingual:
        pytest.skip("knows English only")
    expected = pair.expected(beams=beams, timestamps=timestamps, prompt=prompt, language=language)
    options = DecodingOptions(beams=beams)
    heard = []
    for encoding in pair.encodings:
        request = pair.request(encoding, timestamps=timestamps, prompt=prompt, language=language)
        decoded = search(pair.recogniser.model, encoding, request, options)
        heard.append((list(request.prompt), list(decoded.tokens)))
    assert heard == expected
    assert len({tuple(tokens) for _, tokens in expected}) > len(pair.encodings) // 4


def test_texts_of_every_family_differ_in_language_and_length(pair: Pair) -> None:
    expected = [
        one
        for timestamps in (False, True)
        for one in pair.expected(beams=1, timestamps=timestamps, prompt=False, language=None)
    ]
    lengths = {len(tokens) for _, tokens in expected}
    assert NEW_TOKENS in lengths, "all have ended"
    assert len(lengths) > 3, "too few have ended"
    if pair.family.multilingual:
        assert len({prompt[1] for prompt, _ in expected}) > 2


def test_batch_of_windows_says_what_each_says_alone(pair: Pair) -> None:
    asked = {"timestamps": True, "prompt": False, "language": None}
    requests = [pair.request(encoding, **asked) for encoding in pair.encodings[:6]]  # type: ignore[arg-type]
    model = pair.recogniser.model
    together = greedy_batch(model, pair.encodings[:6], requests)
    alone = [greedy(model, encoding, one) for encoding, one in zip(pair.encodings, requests, strict=False)]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert [one.reason for one in together] == [one.reason for one in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-4)


@pytest.mark.parametrize("right", [0, 3, 8], ids=["wrong", "half", "right"])
def test_draft_changes_no_token_and_no_attention(pair: Pair, right: int) -> None:
    model = pair.recogniser.model
    for encoding in pair.encodings[:4]:
        request = pair.request(encoding, timestamps=False, prompt=True, language=None)
        plain = greedy(model, encoding, request)
        wrong = [token + 1 for token in plain.tokens[right:8]]
        drafted = greedy(model, encoding, replace(request, draft=(*plain.tokens[:right], *wrong)))
        assert drafted.tokens == plain.tokens
        np.testing.assert_allclose(drafted.logprobs, plain.logprobs, atol=1e-4)
        assert (drafted.attention is None) == (plain.attention is None)
        if drafted.attention is not None and plain.attention is not None:  # of exports as they are there is none
            np.testing.assert_allclose(drafted.attention, plain.attention, atol=1e-4)


@pytest.mark.parametrize("right", [0, 3, 8], ids=["wrong", "half", "right"])
def test_draft_of_a_prepared_family_changes_no_token_and_no_attention(prepared_pair: Pair, right: int) -> None:
    test_draft_changes_no_token_and_no_attention(prepared_pair, right)


@pytest.mark.parametrize("beams", [1, 3], ids=["greedy", "beam"])
@pytest.mark.parametrize(("timestamps", "prompt", "language"), CASES)
def test_tokens_of_every_prepared_family_equal_those_of_transformers(
    prepared_pair: Pair, beams: int, timestamps: bool, prompt: bool, language: str | None
) -> None:
    test_tokens_of_every_family_equal_those_of_transformers(prepared_pair, beams, timestamps, prompt, language)


def test_batch_of_windows_of_a_prepared_family_says_what_each_says_alone(prepared_pair: Pair) -> None:
    test_batch_of_windows_says_what_each_says_alone(prepared_pair)


def test_beam_log_probability_is_that_of_its_tokens(pair: Pair) -> None:
    model, encoding = pair.recogniser.model, pair.encodings[0]
    request = pair.request(encoding, timestamps=False, prompt=False, language="de")
    decoded = search(model, encoding, request, DecodingOptions(beams=3))
    step = model.decode([*request.prompt, *decoded.tokens], model.new_state(encoding))
    rows = step.logits[len(request.prompt) - 1 : -1].astype(np.float64)
    normal = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(decoded.logprobs, normal[range(len(decoded.tokens)), list(decoded.tokens)], atol=1e-4)
