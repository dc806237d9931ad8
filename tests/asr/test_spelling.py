from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.asr.test_decoding import ALPHA, BRAVO, PROMPT, TOKENIZER
from voxduct.asr.decode.beam import Judged, beam_search
from voxduct.asr.decode.greedy import Request
from voxduct.asr.decode.rules import text_rules
from voxduct.asr.decode.spelling import NEVER, Speller, log_likelihoods
from voxduct.asr.options import DecodingOptions
from voxduct.models import BatchStep, DecoderStep, Floats, Ints

LETTERS = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")
SPELLER = Speller(LETTERS)


def chances(frames: int, classes: int, seed: int) -> Floats:
    scores = np.random.default_rng(seed).standard_normal((frames, classes)) * 3
    normal: Floats = torch.log_softmax(torch.tensor(scores), dim=-1).numpy().astype(np.float32)
    return normal


@given(
    texts=st.lists(st.lists(st.integers(1, 5), max_size=8), min_size=1, max_size=4),
    frames=st.integers(16, 40),
    seed=st.integers(0, 99),
)
def test_log_likelihoods_of_any_texts_equal_torch(texts: list[list[int]], frames: int, seed: int) -> None:
    found = log_likelihoods(chances(frames, 6, seed), texts)
    for text, said in zip(texts, found, strict=True):
        loss = torch.nn.functional.ctc_loss(
            torch.tensor(chances(frames, 6, seed))[:, None],
            torch.tensor([text], dtype=torch.long),
            torch.tensor([frames]),
            torch.tensor([len(text)]),
            reduction="sum",
        )
        assert said == pytest.approx(-float(loss), abs=1e-3)


def test_log_likelihoods_text_longer_than_frames_is_as_good_as_impossible() -> None:
    found = log_likelihoods(chances(3, 6, 0), [[1, 2, 3, 4, 5], [1]])
    assert found[0] < NEVER / 2 < found[1]


def test_speller_capitals_and_marks_are_spelt_as_what_is_said() -> None:
    assert SPELLER.labels(" It's here, Ada!") == SPELLER.labels("it's here ada")
    assert SPELLER.labels("") == ()


@pytest.mark.parametrize("text", ["at 7:30", "50%", "naïve", "$5"])
def test_speller_text_with_several_readings_has_no_opinion(text: str) -> None:
    assert SPELLER.labels(text) is None
    assert SPELLER.opinion(chances(50, 29, 1))(["a word", text]) is None


def test_speller_opinion_prefers_what_the_frames_spell() -> None:
    scores = np.full((30, 29), -5.0, np.float32)
    scores[:, 0] = 0.0
    for place, letter in enumerate("hut"):
        scores[5 + 6 * place, LETTERS.index(letter) + 1] = 9.0
    found = SPELLER.opinion(scores)(["hat", "Hut.", "huts"])
    assert found is not None
    assert int(np.argmax(found)) == 1


class Undecided:
    """Says alpha or bravo, alpha a little rather, then ends."""

    num_mels, frame_samples, dynamic = 80, 320, True

    def new_state(self, encoding: object) -> object:
        return None

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        return DecoderStep(np.stack([self._scores(token) for token in tokens]), None)

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        return BatchStep(np.stack([[self._scores(int(token)) for token in row] for row in tokens]), None)

    def select(self, rows: Sequence[int], state: object) -> None:
        pass

    @staticmethod
    def _scores(token: int) -> Floats:
        scores = np.full(TOKENIZER.timestamp_begin + 10, -20.0, np.float32)
        if token in (ALPHA, BRAVO):
            scores[TOKENIZER.end] = 5.0
        else:
            scores[ALPHA], scores[BRAVO] = 5.0, 4.5
        return scores


@pytest.mark.parametrize(
    ("opinions", "share", "winner"),
    [((-1.0, -9.0), 0.1, ALPHA), ((-30.0, -2.0), 0.1, BRAVO), ((-30.0, -2.0), 0.0, ALPHA), (None, 0.9, ALPHA)],
    ids=["agrees", "differs", "has no say", "abstains"],
)
def test_beam_search_second_opinion_decides_by_its_share(
    opinions: tuple[float, float] | None, share: float, winner: int
) -> None:
    def by(texts: Sequence[Sequence[int]]) -> Floats | None:
        of: dict[tuple[int, ...], int] = {(ALPHA,): 0, (BRAVO,): 1}
        return None if opinions is None else np.array([opinions[of[tuple(text)]] for text in texts], np.float32)

    options = DecodingOptions()
    request = Request.of_text(TOKENIZER, options, text_rules(TOKENIZER, options), PROMPT, 16_000)
    model = Undecided()
    decoded = beam_search(model, None, request, 2, judged=Judged(by, share))  # type: ignore[arg-type]
    assert decoded.tokens == (winner,)
