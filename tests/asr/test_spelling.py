from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from voxduct.asr.decode.spelling import ANYTHING, NEVER, Labels, Speller, Spelling
from voxduct.models import Floats

LETTERS = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")
SPELLER = Speller(LETTERS)
LABELS = st.lists(st.integers(1, 5), max_size=8)


def scores(frames: int, classes: int, seed: int) -> Floats:
    found: Floats = (np.random.default_rng(seed).standard_normal((frames, classes)) * 3).astype(np.float32)
    return found


def spelling_of(word: str, frames: int = 30) -> Spelling:
    """Letters that clearly spell a word, six frames apart."""
    found = np.full((frames, 1 + len(LETTERS)), -5.0, np.float32)
    found[:, 0] = 0.0
    for place, letter in enumerate(word):
        found[5 + 6 * place, LETTERS.index(letter) + 1] = 9.0
    return Spelling(found)


def whole(spelling: Spelling, *texts: str) -> list[float]:
    pieces = [SPELLER.labels(text).classes for text in texts]
    return [spelling.whole(text) for text in spelling.followed([spelling.nothing()] * len(texts), pieces)]


@given(texts=st.lists(LABELS, min_size=1, max_size=4), frames=st.integers(16, 40), seed=st.integers(0, 99))
def test_spelling_whole_texts_equal_torch(texts: list[list[int]], frames: int, seed: int) -> None:
    spelling = Spelling(scores(frames, 6, seed))
    for text, spelt in zip(texts, spelling.followed([spelling.nothing()] * len(texts), texts), strict=True):
        loss = torch.nn.functional.ctc_loss(
            torch.log_softmax(torch.tensor(scores(frames, 6, seed), dtype=torch.float64), dim=-1)[:, None],
            torch.tensor([text], dtype=torch.long),
            torch.tensor([frames]),
            torch.tensor([len(text)]),
            reduction="sum",
        )
        assert spelling.whole(spelt) == pytest.approx(-float(loss), abs=1e-6)


@given(text=LABELS, frames=st.integers(16, 40), seed=st.integers(0, 99))
def test_spelling_a_beginning_is_as_likely_as_all_that_may_follow_it(text: list[int], frames: int, seed: int) -> None:
    spelling = Spelling(scores(frames, 6, seed))
    beginning = spelling.followed([spelling.nothing()], [text])[0]
    longer = spelling.followed([beginning] * 5, [[label] for label in range(1, 6)])
    parts = [spelling.whole(beginning), *(one.logprob for one in longer)]
    assert beginning.logprob == pytest.approx(float(np.logaddexp.reduce(parts)), abs=1e-6)


@given(text=LABELS, cut=st.integers(0, 8), seed=st.integers(0, 99))
def test_spelling_in_pieces_equals_at_once(text: list[int], cut: int, seed: int) -> None:
    spelling = Spelling(scores(20, 6, seed))
    at_once = spelling.followed([spelling.nothing()], [text])[0]
    first = spelling.followed([spelling.nothing()], [text[:cut]])
    then = spelling.followed(first, [text[cut:]])[0]
    assert spelling.whole(then) == spelling.whole(at_once)
    assert then.logprob == at_once.logprob


def test_spelling_text_longer_than_frames_is_as_good_as_impossible() -> None:
    spelling = Spelling(scores(3, 6, 0))
    long, short = spelling.followed([spelling.nothing()] * 2, [[1, 2, 3, 4, 5], [1]])
    assert spelling.whole(long) < NEVER / 2 < spelling.whole(short)


def test_spelling_prefers_what_the_frames_spell() -> None:
    found = whole(spelling_of("hut"), "hat", "Hut.", "huts")
    assert int(np.argmax(found)) == 1


def test_spelling_of_anything_is_likelier_than_a_wrong_text_and_not_than_the_right_one() -> None:
    right, anything, wrong = whole(spelling_of("hut"), "hut", "42", "warden")
    assert wrong < anything < right


def test_spelling_goes_on_after_anything() -> None:
    right, wrong = whole(spelling_of("at ten", 50), "at 10", "as 10")
    assert wrong < right


def test_labels_capitals_and_marks_are_spelt_as_what_is_said() -> None:
    assert SPELLER.labels(" It's here, Ada!") == SPELLER.labels("it's here ada")
    assert SPELLER.labels("") == Labels((), False)


def test_labels_hyphen_is_a_gap() -> None:
    assert SPELLER.labels("twenty-one") == SPELLER.labels("twenty one")


@pytest.mark.parametrize("text", ["7:30", "50%", "$5"])
def test_labels_figures_are_anything_once(text: str) -> None:
    assert SPELLER.labels(text).classes == (ANYTHING,)


@given(text=st.text(alphabet="ab 1,.-'", max_size=12), cut=st.integers(0, 12))
def test_labels_in_pieces_equal_at_once_up_to_repeated_anything(text: str, cut: int) -> None:
    first = SPELLER.labels(text[:cut])
    then = SPELLER.labels(text[cut:], begun=bool(first.classes), gap=first.gap)
    joined = [*first.classes, *then.classes]
    once = [label for i, label in enumerate(joined) if i == 0 or not label == joined[i - 1] == ANYTHING]
    assert Labels(tuple(once), then.gap) == SPELLER.labels(text)
