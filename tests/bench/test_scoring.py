from __future__ import annotations

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct.bench.scoring import align, normalise, right_words, spoken_words_of, word_errors

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


def test_right_words_figures_are_right_when_all_that_they_say_is() -> None:
    said = normalise("it happened in nineteen eighty eight they say")
    spoken = spoken_words_of(["It", "happened", "in", "1988.", "The", "say"])
    alignment = align(said, [one.text for one in spoken])
    assert right_words(said, spoken, alignment) == {0: (0, 0), 1: (1, 1), 2: (2, 2), 3: (3, 5), 5: (7, 7)}
    spoken = spoken_words_of(["It", "happened", "in", "1987."])
    assert 3 not in right_words(said, spoken, align(said, [one.text for one in spoken]))


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
