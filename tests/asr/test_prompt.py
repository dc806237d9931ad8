from __future__ import annotations

import pytest

from tests.fakes_hearing import fake_tokenizer
from voxduct.asr.decode.prompt import build_prompt
from voxduct.asr.options import AsrOptions, Task
from voxduct.asr.tokenizer import Tokenizer
from voxduct.errors import ModelError

TOKENIZER = fake_tokenizer("<|de|>", "<|translate|>", "<|startofprev|>", multilingual=True)
ALPHA, BRAVO, CHARLIE = TOKENIZER.encode(" alpha bravo charlie")
SPECIAL = TOKENIZER.prompt("en")


def prompt(
    previous: list[int] | None = None, room: int = 10, tokenizer: Tokenizer = TOKENIZER, **options: str
) -> list[int]:
    return list(build_prompt(tokenizer, AsrOptions(**options), "en", previous, room=room))  # type: ignore[arg-type]


def test_prompt_without_earlier_text_is_the_special_tokens() -> None:
    assert prompt() == list(SPECIAL)


def test_prompt_text_stands_before_them_as_said_earlier() -> None:
    assert prompt(prompt="alpha bravo") == [TOKENIZER.start_of_previous, ALPHA, BRAVO, *SPECIAL]


def test_prompt_earlier_text_takes_the_place_of_the_prompt_and_hot_words_stay() -> None:
    made = prompt([BRAVO], prompt="alpha", hot_words="charlie")
    assert made == [TOKENIZER.start_of_previous, CHARLIE, BRAVO, *SPECIAL]


def test_prompt_too_much_earlier_text_keeps_the_latest_and_all_hot_words() -> None:
    made = prompt([ALPHA, BRAVO] * 9 + [CHARLIE], room=3, hot_words="alpha")
    assert made == [TOKENIZER.start_of_previous, ALPHA, BRAVO, CHARLIE, *SPECIAL]


def test_prompt_vocabulary_without_a_place_for_earlier_text_has_none() -> None:
    tokenizer = fake_tokenizer()
    assert prompt([ALPHA], tokenizer=tokenizer) == list(tokenizer.prompt("en"))


def test_prompt_translation_and_timestamps_change_the_special_tokens() -> None:
    made = build_prompt(TOKENIZER, AsrOptions(task=Task.TRANSLATE), "de", room=9, timestamps=True)
    assert made == (TOKENIZER.start, TOKENIZER.languages["de"], TOKENIZER.translate)


@pytest.mark.parametrize("multilingual", [False, True])
def test_prompt_model_that_cannot_translate_is_refused(multilingual: bool) -> None:
    tokenizer = fake_tokenizer(multilingual=multilingual)
    with pytest.raises(ModelError, match="translate"):
        build_prompt(tokenizer, AsrOptions(task=Task.TRANSLATE), "en", room=9)
