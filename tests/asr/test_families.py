"""Every family of Whisper against transformers, token for token."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from tests.asr.families import FAMILIES, Family, export, make_clips, make_torch_model
from voxduct.asr.batch import greedy_batch
from voxduct.asr.decoding import Request, greedy
from voxduct.asr.fallback import search
from voxduct.asr.language import detect_language
from voxduct.asr.options import AsrOptions, DecodingOptions
from voxduct.asr.prompt import build_prompt
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.rules import whisper_rules
from voxduct.onnx.whisper import load_recogniser

CLIPS = 20
TOKENS = 12
PROMPT = "abc de fgh"
CASES = [
    pytest.param(
        *case, id=f"{'timestamps' if case[0] else 'text'}-{'prompt' if case[1] else 'bare'}-{case[2] or 'any'}"
    )
    for case in product((False, True), (False, True), (None, "de"))
]


@dataclass(frozen=True, eq=False)
class Pair:
    """The same weights in transformers and here, and what both encoders said about the clips."""

    family: Family
    torch_model: WhisperForConditionalGeneration
    torch_encodings: torch.Tensor
    recogniser: Recogniser
    encodings: list[object]
    folder: Path

    def expected(
        self, *, beams: int, timestamps: bool, prompt: bool, language: str | None
    ) -> list[tuple[list[int], list[int]]]:
        """By transformers: the prompt of each clip, and its tokens up to the end."""
        asked = {"language": language, "task": "transcribe"} if self.family.multilingual else {}
        before = torch.tensor(self.previous()) if prompt else None
        with torch.no_grad():
            made = self.torch_model.generate(
                encoder_outputs=BaseModelOutput(last_hidden_state=self.torch_encodings.clone()),
                max_new_tokens=TOKENS, num_beams=beams, return_timestamps=timestamps, prompt_ids=before,
                force_unique_generate_call=True, **asked,
            )  # fmt: skip
        rows = [row.tolist() for row in made]
        size = rows[0].index(self.family.token("startoftranscript")) + (3 if self.family.multilingual else 1)
        size += not timestamps
        return [(row[:size], until(row[size:], self.family.token("endoftext"))) for row in rows]

    def previous(self) -> list[int]:
        """The prompt as transformers wants it."""
        return [self.family.token("startofprev"), *self.recogniser.tokenizer.encode(f" {PROMPT}")]

    def request(self, encoding: object, *, timestamps: bool, prompt: bool, language: str | None) -> Request:
        """How a clip is decoded here."""
        recogniser = self.recogniser
        tokenizer, decoding = recogniser.tokenizer, recogniser.decoding
        if language is None and self.family.multilingual:
            language = detect_language(recogniser.model, encoding, tokenizer).code
        options = AsrOptions(prompt=PROMPT if prompt else "")
        return Request(
            prompt=build_prompt(tokenizer, options, language, room=decoding.max_previous, timestamps=timestamps),
            rules=whisper_rules(tokenizer, decoding, timestamps=timestamps),
            limit=TOKENS,
            start=tokenizer.start,
            end=tokenizer.end,
            stop_at_loops=False,
        )


@pytest.fixture(scope="session", params=FAMILIES, ids=lambda family: family.name)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    family: Family = request.param
    logging.set_verbosity_error()
    model = make_torch_model(family)
    folder = export(family, model, tmp_path_factory.mktemp(family.name))
    recogniser = load_recogniser(folder)
    mels = [recogniser.log_mel.compute(clip) for clip in make_clips(CLIPS)]
    with torch.no_grad():
        torch_encodings = model.model.encoder(torch.tensor(np.stack(mels))).last_hidden_state
    return Pair(family, model, torch_encodings, recogniser, [recogniser.model.encode(mel) for mel in mels], folder)


def until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end)] if end in tokens else tokens


@pytest.mark.parametrize("beams", [1, 3], ids=["greedy", "beam"])
@pytest.mark.parametrize(("timestamps", "prompt", "language"), CASES)
def test_tokens_of_every_family_equal_those_of_transformers(
    pair: Pair, beams: int, timestamps: bool, prompt: bool, language: str | None
) -> None:
    expected = pair.expected(beams=beams, timestamps=timestamps, prompt=prompt, language=language)
    options = DecodingOptions(beams=beams)
    heard = []
    for encoding in pair.encodings:
        request = pair.request(encoding, timestamps=timestamps, prompt=prompt, language=language)
        decoded = search(pair.recogniser.model, encoding, request, options)
        heard.append((list(request.prompt), list(decoded.tokens)))
    assert heard == expected
    assert len({tuple(tokens) for _, tokens in expected}) > CLIPS // 4


def test_texts_of_every_family_differ_in_language_and_length(pair: Pair) -> None:
    expected = [
        one
        for timestamps in (False, True)
        for one in pair.expected(beams=1, timestamps=timestamps, prompt=False, language=None)
    ]
    lengths = {len(tokens) for _, tokens in expected}
    assert TOKENS in lengths, "all have ended"
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


def test_beam_log_probability_is_that_of_its_tokens(pair: Pair) -> None:
    model, encoding = pair.recogniser.model, pair.encodings[0]
    request = pair.request(encoding, timestamps=False, prompt=False, language="de")
    decoded = search(model, encoding, request, DecodingOptions(beams=3))
    step = model.decode([*request.prompt, *decoded.tokens], model.new_state(encoding))
    rows = step.logits[len(request.prompt) - 1 : -1].astype(np.float64)
    normal = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(decoded.logprobs, normal[range(len(decoded.tokens)), list(decoded.tokens)], atol=1e-4)
