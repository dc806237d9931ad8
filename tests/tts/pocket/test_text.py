from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct.tts.pocket.text import TextRules, prepare, split

RULES = TextRules(most_tokens=50)


@pytest.mark.parametrize(
    ("text", "rules", "expected", "after"),
    [
        ("hello there", RULES, "Hello there.", 5),
        ("  it  is;\n so, for  now!", RULES, "It is; so, for now!", 3),
        ("it is; so", TextRules(most_tokens=50, remove_semicolons=True), "It is, so.", 5),
        ("yes", TextRules(most_tokens=50, pad_short=True), "        Yes.", 5),
        ("one two three four five", TextRules(most_tokens=50, pad_short=True), "One two three four five.", 3),
        ("3 of them", TextRules(most_tokens=50, frames_after_end=7), "3 of them.", 7),
        ("élan (vital)", RULES, "Élan (vital)", 5),
    ],
)
def test_text_is_prepared_as_the_model_learnt_it(text: str, rules: TextRules, expected: str, after: int) -> None:
    prepared = prepare(text, rules)
    assert (prepared.text, prepared.frames_after_end) == (expected, after)


@given(st.lists(st.text("abc,;", min_size=1, max_size=9), max_size=60), st.integers(1, 12))
def test_pieces_have_all_words_in_order_and_no_more_tokens_than_allowed(words: list[str], most: int) -> None:
    text = " ".join(words)
    pieces = split(text, most, lambda piece: len(piece.split()))
    assert " ".join(pieces) == " ".join(text.split())
    assert all(0 < len(piece.split()) <= most for piece in pieces)


def test_pieces_end_with_a_clause_where_they_can() -> None:
    pieces = split("one two three, four five six seven, eight nine ten", 6, lambda piece: len(piece.split()))
    assert pieces == ["one two three,", "four five six seven,", "eight nine ten"]


def test_word_of_more_tokens_than_allowed_is_a_piece_of_its_own() -> None:
    assert split("a incomprehensibilities b", 4, len) == ["a", "incomprehensibilities", "b"]
