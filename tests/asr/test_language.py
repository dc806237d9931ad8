from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.fakes_hearing import FakeWhisper, fake_tokenizer
from voxduct.asr.decode.language import detect_language
from voxduct.errors import ModelError
from voxduct.models import DecoderStep

TOKENIZER = fake_tokenizer("<|de|>", "<|fr|>")


class Polyglot(FakeWhisper):
    """Hears German first, French next, English last."""

    def new_state(self, encoding: object) -> list[Any]:
        return []

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        assert list(tokens) == [TOKENIZER.start]
        logits = np.full((1, 400), 9.0, np.float32)
        for code, score in (("en", 1.0), ("fr", 2.0), ("de", 3.0)):
            logits[0, TOKENIZER.languages[code]] = score
        return DecoderStep(logits, None)


def test_detect_language_is_the_best_language_token_whatever_else_is_likelier() -> None:
    found = detect_language(Polyglot(TOKENIZER), None, TOKENIZER)
    assert found.code == "de"
    assert found.probability == pytest.approx(np.exp(3) / np.exp([1, 2, 3]).sum())


def test_detect_language_chooses_among_the_allowed_ones_only() -> None:
    found = detect_language(Polyglot(TOKENIZER), None, TOKENIZER, ("en", "fr"))
    assert found.code == "fr"
    assert found.probability == pytest.approx(np.exp(2) / np.exp([1, 2]).sum())


def test_detect_language_none_of_the_allowed_known_is_refused() -> None:
    with pytest.raises(ModelError, match="xx"):
        detect_language(Polyglot(TOKENIZER), None, TOKENIZER, ("xx",))
