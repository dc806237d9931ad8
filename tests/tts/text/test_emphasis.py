from __future__ import annotations

import pytest

from voxduct.tts.text.normalise import spoken_words, stressed_words

KNOWN = frozenset("this is a not never said that very long word hello world the two good nasa stop it now".split())


def stressed(text: str) -> list[str]:
    words, numbers = stressed_words(text, KNOWN.__contains__)
    spoken = [word for word in words if word[0].isalpha()]
    return [spoken[number] for number in numbers]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is *not* that.", ["not"]),
        ("This is **not** that.", ["not"]),
        ("This is _not_ that, (*never*).", ["not", "never"]),
        ("*This*, that.", ["this"]),
        ("I said *hello world.*", ["hello", "world"]),
        ("It is *42* now.", ["forty", "two"]),
        ("I NEVER said that.", ["never"]),
        ("It is a *USB* word.", ["U", "S", "B"]),
    ],
)
def test_stressed_words_of_signs_and_capitals_are_told(text: str, expected: list[str]) -> None:
    assert stressed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "This is not that.",
        "2*3*4 is 24, 3 * 4 * 5 is 60.",
        "this_is_a word, f(*args, **kwargs)",
        "* this * that",
        "www.a_b.com/_x_ and a@_b_.com",
        "*This is not.*",
        "THIS IS VERY LONG.",
        "HELLO, this",
        "NASA said that, NEV is a word, HTML is, ABLUNAR too.",
        "I SAID NOT",
        "an *unclosed word",
        "\ue01athis\ue01b is not",
    ],
)
def test_stressed_words_of_figures_names_acronyms_and_whole_texts_are_none(text: str) -> None:
    assert stressed(text) == []


@pytest.mark.parametrize("text", ["A *dog* and a *A*.", "It is *not* this, _never_ that!", "*Mr.* Smith has *$5*."])
def test_stressed_words_are_said_as_without_their_signs(text: str) -> None:
    plain = text.replace("*", "").replace("_", "")
    assert spoken_words(text, KNOWN.__contains__) == spoken_words(plain, KNOWN.__contains__)


def test_stressed_words_of_endless_signs_take_no_time() -> None:
    for text in ("*a" * 2500, "_" * 5000, " *a b" * 1000):
        spoken_words(text, KNOWN.__contains__)
