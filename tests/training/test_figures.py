from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct_training.batches import first_words, grouped
from voxduct_training.figures import Shown, with_figures
from voxduct_training.phrases import TENS, UNITS, number_words, ordinal_words
from voxduct_training.texts import made_sentence, sentence_from, shown_form

SIGNS = ["hundred", "thousand", "million", "and", "oh", "point", "percent", "dollars", "cents", "o'clock"]
NUMBERS = [*UNITS, *TENS, *SIGNS]


def shown(text: str) -> str:
    return " ".join(word.text for word in with_figures(text))


@given(st.lists(st.sampled_from([*NUMBERS, "first", "house,", "twelfth", "seven.", "the"]), max_size=10))
def test_with_figures_any_words_stand_for_all_of_them(words: list[str]) -> None:
    assert sum(word.words for word in with_figures(" ".join(words))) == len(words)


@given(st.integers(10, 9_999_999).filter(lambda value: value < 1_000_000))
def test_with_figures_number_as_it_is_said_is_that_number(value: int) -> None:
    assert with_figures(number_words(value)) == [
        Shown(f"{value:,}" if value >= 10_000 else str(value), len(number_words(value).split()))
    ]


@given(st.integers(10, 31))
def test_with_figures_ordinal_begins_with_its_number(value: int) -> None:
    assert shown(ordinal_words(value)).rstrip("stndrh") == str(value)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("It happened in June nineteen sixty three.", "It happened in June 1963."),
        ("Born in nineteen oh five, he left.", "Born in 1905, he left."),
        ("It costs five hundred and four dollars and twenty cents.", "It costs $504.20."),
        ("The train leaves at seven thirty.", "The train leaves at 7:30."),
        ("At nine o'clock, two men came.", "At 9 o'clock, two men came."),
        ("My number is five five five zero one two three.", "My number is 5550123."),
        ("Ninety percent, on the twenty first.", "90%, on the 21st."),
        ("It is three point one four.", "It is 3.14."),
        ("One of the two hundred and three.", "One of the 203."),
        ("Twenty, five.", "20, five."),
        ("A hundred and one.", "A hundred and one."),
    ],
)
def test_with_figures_sentence_reads_as_a_reader_expects(said: str, expected: str) -> None:
    assert shown(said) == expected


def test_first_words_end_within_a_number_is_nothing() -> None:
    words = with_figures("About twenty two people, or more.")
    assert [word.text for word in first_words(words, 4)] == ["About", "22", "people"]
    assert first_words(words, 2) == []


def test_grouped_number_lasts_from_its_first_word_to_its_last() -> None:
    spans = ((0.0, 0.5), (0.5, 0.9), (0.9, 1.4), (1.4, 2.0))
    assert grouped(spans, with_figures("about twenty two people")) == ((0.0, 0.5), (0.5, 1.4), (1.4, 2.0))


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("and then he left;", "And then he left,"),
        ("Who is there?", "Who is there?"),
        ("it was over", "It was over."),
        ("Stop!  Now", "Stop. Now."),
        (",", ""),
    ],
)
def test_shown_form_clause_begins_with_a_capital_and_ends_with_a_mark(clause: str, expected: str) -> None:
    assert shown_form(clause) == expected


@given(st.text(alphabet="ab', .?!;:", max_size=30))
def test_sentence_from_any_clause_has_the_same_words_in_all_forms(clause: str) -> None:
    sentence = sentence_from(clause, "test")
    if sentence is not None:
        assert len(sentence.shown.split()) == len(sentence.spoken.split()) == len(sentence.words)


def test_made_sentence_names_are_capital_and_questions_ask() -> None:
    found = [made_sentence(text) for text in ("what did mary do in new york", "i'll call john on monday")]
    assert [one.shown for one in found if one] == ["What did Mary do in New York?", "I'll call John on Monday."]
