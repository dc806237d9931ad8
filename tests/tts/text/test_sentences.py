from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.tts.text.clauses import Clause
from voxduct.tts.text.sentences import MAX_SENTENCE, SentenceSplitter


def split(text: str) -> list[str]:
    splitter = SentenceSplitter()
    return texts(splitter.feed(text) + splitter.flush())


def texts(found: list[Clause]) -> list[str]:
    return [clause.text for clause in found]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello.", ["Hello."]),
        ("Hello. How are you?", ["Hello.", "How are you?"]),
        ("Stop! Now? Yes.", ["Stop!", "Now?", "Yes."]),
        ("Dr. Smith met Mr. Jones. They spoke.", ["Dr. Smith met Mr. Jones.", "They spoke."]),
        ("It costs 3.50 dollars. Cheap.", ["It costs 3.50 dollars.", "Cheap."]),
        ("Pi is 3.14. Nice.", ["Pi is 3.14.", "Nice."]),
        ("See e.g. cats and i.e. dogs. Done.", ["See e.g. cats and i.e. dogs.", "Done."]),
        ("At 7 p.m. we eat. At 8 p.m. We sleep.", ["At 7 p.m. we eat.", "At 8 p.m.", "We sleep."]),
        ("J. K. Rowling wrote it. Yes.", ["J. K. Rowling wrote it.", "Yes."]),
        ("The U.S. Army came. It left.", ["The U.S. Army came.", "It left."]),
        ("Wait... what? Well... No.", ["Wait... what?", "Well...", "No."]),
        ("Well… Maybe.", ["Well…", "Maybe."]),
        ('"Stop!" he said. "Go."', ['"Stop!" he said.', '"Go."']),
        ("He said “go.” She went.", ["He said “go.”", "She went."]),
        ("One (two.) Three.", ["One (two.)", "Three."]),
        ("1. First 2. Second", ["1. First 2.", "Second"]),
        ("a title\n\nA text", ["a title", "A text"]),
        ("a line\nwrapped here", ["a line wrapped here"]),
        ("list:\n- one\n- two", ["list:", "- one", "- two"]),
        ("No. 5 is alive. Yes.", ["No. 5 is alive.", "Yes."]),
        ("cats, dogs, etc. They run.", ["cats, dogs, etc.", "They run."]),
        ("   ", []),
        ("", []),
        ("a  b\t c", ["a b c"]),
        ("こんにちは。元気？", ["こんにちは。", "元気？"]),
    ],
)
def test_splitter_text_gives_sentences(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_splitter_sentence_comes_out_with_the_next_ones_first_letter() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Hello. ") == []
    assert texts(splitter.feed("H")) == ["Hello."]


def test_splitter_blank_line_ends_a_sentence_at_once() -> None:
    assert texts(SentenceSplitter().feed("a title\n\n")) == ["a title"]


def test_splitter_after_flush_is_as_new() -> None:
    splitter = SentenceSplitter()
    splitter.feed("one two ")
    assert texts(splitter.flush()) == ["one two"]
    assert texts(splitter.feed("three. F")) == ["three."]


def test_splitter_long_sentence_is_cut_at_a_comma() -> None:
    text = "word " * 30 + "here, " + "word " * 40
    first, *rest = split(text)
    assert first.endswith("here,")
    assert " ".join([first, *rest]) == text.strip()


def test_splitter_word_without_end_is_cut_hard() -> None:
    pieces = split("x" * 1000)
    assert "".join(pieces) == "x" * 1000
    assert max(map(len, pieces)) <= MAX_SENTENCE


TEXTS = st.text(alphabet="aB1 .,!?…\"')\n-e。", max_size=400) | st.text(max_size=80)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 30), min_size=1, max_size=10))
def test_splitter_any_pieces_give_the_same_sentences(text: str, sizes: list[int]) -> None:
    splitter, at, turn = SentenceSplitter(), 0, 0
    found: list[Clause] = []
    while at < len(text):
        size = sizes[turn % len(sizes)]
        found += splitter.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert texts(found + splitter.flush()) == split(text)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_splitter_any_text_loses_nothing_and_stays_bounded(text: str) -> None:
    sentences = split(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() and len(sentence) <= MAX_SENTENCE + 1 for sentence in sentences)
