from __future__ import annotations

import numpy as np
import pytest

from tests.prompted_tokens import CODES, OUTE_SPECIALS, make_tokenizer
from voxduct.errors import ModelError
from voxduct.tts.prompted.outetts import OuteTts, SpeakerWord, plain_words
from voxduct.tts.prompted.script import Choice, Given, Script
from voxduct.tts.prompted.vocabulary import Vocabulary

TOKENIZER = make_tokenizer(OUTE_SPECIALS)
VOCABULARY = Vocabulary(TOKENIZER, "here")
FRAME_S = 1 / 75
ADA = (SpeakerWord("good", 0.24, (1, 2, 3)), SpeakerWord("day", 0.2, (4, 5)))
OUTE = OuteTts.of(VOCABULARY, cardinality=CODES, frame_s=FRAME_S, speakers={"ada": ADA})
ALONE = OuteTts.of(VOCABULARY, cardinality=CODES, frame_s=FRAME_S, speakers={})


def token(name: str) -> int:
    found: int = TOKENIZER.token_to_id(name)
    return found


def say(script: Script, answers: list[str], last: bool = False) -> tuple[str, list[int]]:
    """What is written when the model answers so; with `last`, whatever is offered last afterwards. And the codes."""
    written: list[int] = []
    codes: list[int] = []
    waiting = list(answers)
    while (following := script.next()) is not None:
        match following:
            case Given(tokens):
                written += tokens
            case Choice(tokens):
                if not waiting and not last:
                    break
                chosen = token(waiting.pop(0)) if waiting else int(tokens[0])
                assert chosen in tokens
                frame = script.take(chosen)
                codes += [] if frame is None else frame.tolist()
                written.append(chosen)
    return TOKENIZER.decode(written, skip_special_tokens=False), codes


def test_prompt_has_the_speaker_in_both_halves() -> None:
    prompt, _ = OUTE.begin(["hello", "you"], "ada")
    assert TOKENIZER.decode(prompt, skip_special_tokens=False) == (
        "<|im_start|>\n<|text_start|>good<|text_sep|>day<|text_sep|>hello<|text_sep|>you<|text_end|>\n<|audio_start|>\n"
        "good<|t_0.24|><|code_start|><|1|><|2|><|3|><|code_end|>\nday<|t_0.20|><|code_start|><|4|><|5|><|code_end|>"
    )


def test_prompt_without_a_speaker_ends_before_the_first_word() -> None:
    prompt, script = ALONE.begin(["hello"], "any")
    assert TOKENIZER.decode(prompt, skip_special_tokens=False) == (
        "<|im_start|>\n<|text_start|>hello<|text_end|>\n<|audio_start|>\n"
    )
    assert say(script, [])[0] == "hello"


def test_script_goes_through_the_words_and_gathers_codes() -> None:
    _, script = OUTE.begin(["hello", "you"], "ada")
    answers = ["<|t_0.10|>", "<|7|>", "<|0|>", "<|code_end|>", "<|t_0.02|>", "<|63|>", "<|code_end|>"]
    written, codes = say(script, answers)
    assert written == (
        "\nhello<|t_0.10|><|code_start|><|7|><|0|><|code_end|>\nyou<|t_0.02|><|code_start|><|63|><|code_end|>"
    )
    assert codes == [7, 0, 63]
    assert script.next() is None


def test_script_of_a_word_that_never_ends_ends_it() -> None:
    _, script = OUTE.begin(["hello"], "ada")
    written, codes = say(script, ["<|t_0.10|>", "<|7|>"], last=True)
    assert len(codes) == round((0.10 + 0.5) * 75)
    assert written.endswith("<|0|><|code_end|>")


def test_parts_are_small_letters_with_numbers_written_out() -> None:
    assert plain_words("It's 3:30, Dr. Smith <|audio_end|>!") == "its three thirty doctor smith".split()
    assert OUTE.parts("?!") == []
    assert [len(part) for part in OUTE.parts("one " * 90)] == [40, 40, 10]  # type: ignore[arg-type]


def test_speaker_with_codes_of_another_codec_is_refused() -> None:
    speakers = {"bad": (SpeakerWord("oh", 0.1, (CODES,)),)}
    with pytest.raises(ModelError, match="speaker bad has codes outside 0 to 63"):
        OuteTts.of(VOCABULARY, cardinality=CODES, frame_s=FRAME_S, speakers=speakers)


def test_times_that_no_word_takes_are_not_offered() -> None:
    long = make_tokenizer([*OUTE_SPECIALS, "<|t_3.00|>", "<|t_9.50|>"])
    oute = OuteTts.of(Vocabulary(long, "here"), cardinality=CODES, frame_s=FRAME_S, speakers={})
    assert long.token_to_id("<|t_3.00|>") in oute.tokens.times
    assert long.token_to_id("<|t_9.50|>") not in oute.tokens.times
    assert np.array_equal(oute.tokens.times, np.sort(oute.tokens.times))
