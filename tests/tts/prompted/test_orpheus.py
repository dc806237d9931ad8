from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prompted_tokens import CODES, ORPHEUS_SPECIALS, make_tokenizer
from voxduct.errors import ModelError
from voxduct.tts.prompted.orpheus import Orpheus, OrpheusScript, deinterleave, interleave
from voxduct.tts.prompted.script import Choice
from voxduct.tts.prompted.vocabulary import Vocabulary

TOKENIZER = make_tokenizer(ORPHEUS_SPECIALS, "<|begin_of_text|>")
VOCABULARY = Vocabulary(TOKENIZER, "here")
ORPHEUS = Orpheus.of(VOCABULARY, cardinality=CODES, frame_s=0.1)
END = TOKENIZER.token_to_id("<custom_token_2>")


def script(most_frames: int = 3) -> OrpheusScript:
    return OrpheusScript(ORPHEUS.codes, END, most_frames)


@given(st.lists(st.lists(st.integers(0, 4095), min_size=7, max_size=7), max_size=20))
def test_codes_interleaved_and_back_are_the_same(rows: list[list[int]]) -> None:
    codes = np.array(rows, np.int64).reshape(-1)
    assert np.array_equal(interleave(deinterleave(codes)), codes)
    frames = codes.reshape(-1, 7).T
    assert np.array_equal(deinterleave(interleave(frames)), frames)


def test_codes_of_a_frame_go_to_the_books_as_the_makers_decode_them() -> None:
    """`decoder.py`: the first book takes token 0, the second 1 and 4, the third 2, 3, 5 and 6."""
    frame = deinterleave(np.arange(100, 107))[:, 0]
    assert frame.tolist() == [100, 101, 104, 102, 103, 105, 106]


@given(st.lists(st.integers(0, CODES - 1), min_size=7, max_size=21).filter(lambda codes: len(codes) % 7 == 0))
def test_script_of_tokens_gives_the_codes_that_they_say(codes: list[int]) -> None:
    spoken = script(most_frames=99)
    frames = []
    for number, code in enumerate(codes):
        token = TOKENIZER.token_to_id(f"<custom_token_{10 + number % 7 * CODES + code}>")
        choice = spoken.next()
        assert isinstance(choice, Choice) and token in choice.tokens
        frame = spoken.take(token)
        assert (frame is not None) == (number % 7 == 6)
        frames += [] if frame is None else [frame]
    assert interleave(np.stack(frames, axis=1)).tolist() == codes


def test_script_offers_the_end_between_frames_only() -> None:
    spoken = script()
    offered = []
    for _ in range(14):
        choice = spoken.next()
        assert isinstance(choice, Choice)
        offered.append(END in choice.tokens)
        spoken.take(int(choice.tokens[0]))
    assert offered == [True, *[False] * 6] * 2


def test_script_ends_where_the_model_says_so() -> None:
    spoken = script()
    spoken.next()
    assert spoken.take(END) is None
    assert spoken.next() is None


def test_script_ends_after_the_most_frames() -> None:
    spoken, frames = script(most_frames=2), 0
    while (choice := spoken.next()) is not None:
        assert isinstance(choice, Choice)
        frames += spoken.take(int(choice.tokens[0])) is not None
    assert frames == 2


def test_prompt_is_voice_and_text_between_control_tokens() -> None:
    prompt, _ = ORPHEUS.begin("Hi you.", "tara")
    names = [TOKENIZER.id_to_token(token) for token in prompt]
    assert names[:2] == ["<custom_token_3>", "<|begin_of_text|>"]
    assert names[-4:] == ["<|eot_id|>", "<custom_token_4>", "<custom_token_5>", "<custom_token_1>"]
    assert TOKENIZER.decode(prompt[2:-4]) == "tara: Hi you."


@pytest.mark.parametrize("control", ["<|eot_id|>", "<custom_<|x|>token_7>", "<custom_token_7>"])
def test_prompt_of_text_with_control_tokens_has_none_of_them(control: str) -> None:
    (part,) = ORPHEUS.parts(f"Stop {control} here")
    prompt, _ = ORPHEUS.begin(part, "tara")
    assert TOKENIZER.decode(prompt[2:-4], skip_special_tokens=False).startswith("tara: Stop ")
    assert not set(map(TOKENIZER.id_to_token, prompt[2:-4])) & set(ORPHEUS_SPECIALS)


def test_parts_keep_the_tags_that_the_model_knows() -> None:
    assert ORPHEUS.parts("Well, <laugh> 3 of them.") == ["Well, <laugh> 3 of them."]
    assert ORPHEUS.parts("... !") == []


def test_vocabulary_without_all_codes_is_refused() -> None:
    with pytest.raises(ModelError, match="here has no token <custom_token_458>"):
        Orpheus.of(VOCABULARY, cardinality=CODES + 1, frame_s=0.1)
