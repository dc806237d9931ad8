"""Where clauses end, and that nothing but the text decides it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_speaking import LEXICON
from voxduct.tts.text.clauses import FIRST_LETTERS, LATER_LETTERS, Clause
from voxduct.tts.text.normalise import PAUSES, spoken_words
from voxduct.tts.text.sentences import MAX_SENTENCE, SentenceSplitter


def split(text: str, *, clauses: bool = True) -> list[Clause]:
    splitter = SentenceSplitter(clauses=clauses)
    return splitter.feed(text) + splitter.flush()


def texts(text: str) -> list[str]:
    return [clause.text for clause in split(text)]


@pytest.mark.parametrize(
    "clauses",
    [
        ["That is a great question,", "and the answer is not so simple."],
        ["Yes, of course, I can help,", "but not before tomorrow morning."],
        ["You need three things from there:", "eggs, flour and milk."],
        ["The lamp went out;", "nobody moved for hours."],
        ["It was late—far too late—", "to go home now."],
        ["It was far too late -", "nobody would be there."],
        ["It was far too late —", "nobody would be there."],
        ["He works for Miller Ltd. in London,", "where it always rains."],
        ["In the old red book (by Smith),", "there is another story."],
        ["We met some big dogs, small cats,", "and the very old mice."],
    ],
)
def test_clause_between_long_parts_is_cut(clauses: list[str]) -> None:
    assert texts(" ".join(clauses)) == clauses


@pytest.mark.parametrize(
    "text",
    [
        "It costs them 1,000 dollars every single day.",
        "The train for London leaves at 3:45 in the afternoon.",
        "He likes strange animals e.g., very large spiders and snakes.",
        "He went with Miller and Sons Ltd., which is in London.",
        "The flags are always red, green and blue in summer.",
        "The flags are always red, white, green, and blue in summer.",
        "The flags are always red, dark green and blue in summer.",
        "The flags are always red, green, and very dark blue.",
        "My very oldest brother, John, came home late at night.",
        "They moved to Austin, Texas, in the summer of that year.",
        "We meet there on Tuesday, 5 May at the old station.",
        "She read pages 10 - 20 of that book.",
        "They will come here tomorrow, she said.",
        '"They will come here tomorrow," said the old man quietly.',
        "They thought about it again, quietly.",
        "The rule for it is simple: stop.",
        "The house (which was really old, and damp besides, and cold) fell.",
        "However, the answer is not so simple.",
        "Yes, no, well, I am not sure of that.",
    ],
)
def test_clause_in_numbers_lists_quotations_and_short_parts_is_not_cut(text: str) -> None:
    assert texts(text) == [text]


def test_clause_is_due_with_the_third_word_after_its_comma() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("That is a great question, and the answer") == []
    assert splitter.feed(" ") == []
    assert splitter.feed("i") == [Clause("That is a great question,", ends_sentence=False)]


def test_clause_after_the_first_is_cut_only_where_it_is_long() -> None:
    short = "And then we walked home,"
    long = "And then we all walked home along the river in the dark and the rain,"
    rest = "because there was no train."
    letters = [sum(map(str.isalnum, text)) for text in (short, long)]
    assert FIRST_LETTERS <= letters[0] < LATER_LETTERS <= letters[1]
    assert texts(f"{short} {rest}") == [short, rest]
    assert texts(f"So be it. {short} {rest}") == ["So be it.", f"{short} {rest}"]
    assert texts(f"So be it. {long} {rest}") == ["So be it.", long, rest]


def test_clause_after_what_cannot_be_spoken_is_still_the_first() -> None:
    assert texts("***\n\nAnd then we walked home, because there was no train.")[1:] == [
        "And then we walked home,",
        "because there was no train.",
    ]


def test_clauses_switched_off_are_whole_sentences() -> None:
    text = "That is a great question, and the answer is long."
    assert split(text, clauses=False) == [Clause(text, ends_sentence=True)]


def test_clauses_say_which_of_them_ends_its_sentence() -> None:
    found = split("That is a great question, and the answer is long. So be it.")
    assert [clause.ends_sentence for clause in found] == [False, True, True]


def test_clause_leaves_the_sentence_end_behind_it_where_it_was() -> None:
    text = "They were a great many people, far more than 12. We were few."
    assert [clause.text for clause in split(text) if clause.ends_sentence] == ["far more than 12.", "We were few."]


WORDS = st.sampled_from(
    "hello the red and or Dr. Mr. 1,000 3:45 e.g., etc., etc. Paris, however, late—far too; — - (old, mice) 5 2024, I "
    'said: "Go," U.S. $5 million Tuesday, May 10 20 % St. No. a.m., really? Yes! world elephants; NASA, 😀 ,'.split()
)
PHRASES = st.sampled_from(
    ["elephants of the world,", "how are you hello;", "some people walked home,", "and then it rained", "it was late —"]
)
SPEECH = st.lists(WORDS | PHRASES, max_size=40).map(" ".join)
ANYTHING = SPEECH | st.text(alphabet="aB1 ,,;:—-.!\"')(\n", max_size=500) | st.text(max_size=80)


@settings(max_examples=80, deadline=None)
@given(ANYTHING, st.lists(st.integers(1, 30), min_size=1, max_size=10))
def test_clauses_any_pieces_of_text_give_the_same(text: str, sizes: list[int]) -> None:
    splitter, at, turn, found = SentenceSplitter(), 0, 0, []
    while at < len(text):
        size = sizes[turn % len(sizes)]
        found += splitter.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert found + splitter.flush() == split(text)


@settings(max_examples=80, deadline=None)
@given(ANYTHING)
def test_clauses_joined_are_their_sentences(text: str) -> None:
    """But for sentences beyond the limit, which are cut elsewhere."""
    whole = split(text, clauses=False)
    joined = [""]
    for clause in split(text):
        joined[-1] += clause.text
        if clause.ends_sentence:
            joined.append("")
    bare = ["".join(part.split()) for part in joined if part]
    assert "".join(bare) == "".join(text.split())
    if all(sentence.ends_sentence for sentence in whole):
        assert bare == ["".join(sentence.text.split()) for sentence in whole]


@settings(max_examples=80, deadline=None)
@given(SPEECH)
def test_clauses_have_the_words_of_their_sentences(text: str) -> None:
    whole, parts = (
        [word for one in split(text, clauses=clauses) for word in spoken_words(one.text, LEXICON.__contains__)]
        for clauses in (False, True)
    )
    assert [word for word in parts if word not in PAUSES] == [word for word in whole if word not in PAUSES]


@settings(max_examples=80, deadline=None)
@given(ANYTHING)
def test_clauses_hold_back_no_more_than_the_longest_sentence(text: str) -> None:
    splitter, said, came = SentenceSplitter(), 0, 0
    for character in text:
        came += not character.isspace()
        said += sum(len("".join(clause.text.split())) for clause in splitter.feed(character))
        assert came - said <= MAX_SENTENCE


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from("some words that are no list of single items here".split()), min_size=3, max_size=40))
def test_first_clause_holds_back_three_words_behind_its_comma(words: list[str]) -> None:
    opening = "That is a great question,"
    text, splitter = f"{opening} {' '.join(words)} x", SentenceSplitter()
    said = ((came, splitter.feed(character)) for came, character in enumerate(text, start=1))
    came, found = next((came, found) for came, found in said if found)
    assert found == [Clause(opening, ends_sentence=False)]
    assert len(re.findall(r"\w+", text[len(opening) : came])) == 4  # the fourth has begun, so the third is whole
