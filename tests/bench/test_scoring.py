from __future__ import annotations

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct.bench.scoring import align, normalise, word_errors

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", "hello world"),
        ("It\u2019s five o'clock", "it's five o'clock"),
        ("'quoted' words", "quoted words"),
        ("well-known \u2013 facts", "well known facts"),
        ("Mr. Smith and Dr. Jones", "mister smith and doctor jones"),
        ("\ufb01ne  _ 3.5", "fine three point five"),
        ("At 7:30 on the 21st, 50%.", "at seven thirty on the twenty first fifty percent"),
        ("In 1963 it cost $504.20", "in nineteen sixty three it cost five hundred four dollars and twenty cents"),
        ("five hundred and four, thousand and one nights", "five hundred four thousand one nights"),
        ("20,005 or 5550123", "twenty thousand five or five five five zero one two three"),
        ("  ", ""),
    ],
)
def test_normalise_leaves_words_only(text: str, words: str) -> None:
    assert normalise(text) == words.split()


@given(WORDS.filter(bool), WORDS)
def test_errors_are_as_many_as_an_independent_scorer_counts(reference: list[str], hypothesis: list[str]) -> None:
    ours = word_errors(" ".join(reference), " ".join(hypothesis))
    theirs = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    assert ours.errors == theirs.substitutions + theirs.deletions + theirs.insertions
    assert ours.rate == pytest.approx(theirs.wer)


@given(WORDS, WORDS)
def test_alignment_pairs_go_up_on_both_sides(reference: list[str], hypothesis: list[str]) -> None:
    alignment = align(reference, hypothesis)
    assert list(alignment.pairs) == sorted(set(alignment.pairs))
    assert len({at for _, at in alignment.pairs}) == len(alignment.pairs)
    errors = alignment.errors
    assert len(alignment.pairs) + errors.deletions == len(reference)
    assert len(alignment.pairs) + errors.insertions == len(hypothesis)
    wrong = sum(reference[index] != hypothesis[at] for index, at in alignment.pairs)
    assert wrong == errors.substitutions


def test_counts_add_up() -> None:
    total = word_errors("a b c", "a x c") + word_errors("d e", "d")
    assert (total.words, total.substitutions, total.deletions, total.rate) == (5, 1, 1, pytest.approx(0.4))
