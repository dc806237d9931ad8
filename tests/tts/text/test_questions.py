from __future__ import annotations

import pytest

from voxduct.tts.text.normalise import spoken_words
from voxduct.tts.text.questions import rises


def ends_high(text: str) -> bool:
    return rises(spoken_words(text, lambda word: True))


@pytest.mark.parametrize(
    "text",
    [
        "Is it late?",
        "You are late?",
        "Really?!",
        "“Can you come?”",
        "And do you like it?",
        "You like it, don't you?",
        "What a day, isn't it?",
        "When the train is late, will you wait?",
        "Whoever it is, are they here?",
    ],
)
def test_rises_yes_or_no_and_tag_questions_do(text: str) -> None:
    assert ends_high(text)


@pytest.mark.parametrize(
    "text",
    [
        "Who is it?",
        "What's that?",
        "And how did it go?",
        "Well, where are you?",
        "At what time do you leave?",
        "For whom is it?",
        "What do you think, my friend?",
        "If it rains, what should we do?",
    ],
)
def test_rises_questions_for_something_do_not(text: str) -> None:
    assert not ends_high(text)


@pytest.mark.parametrize("text", ["It is late.", "It is late!", "Is it late", "“Is it late?” he asked.", "?", ""])
def test_rises_what_ends_in_no_question_mark_does_not(text: str) -> None:
    assert not ends_high(text)
