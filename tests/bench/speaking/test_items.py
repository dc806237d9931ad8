"""Items spoken by fakes and heard by ears that answer what they are told to."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_speaking import FakeLm, fake_synthesiser
from voxduct.bench.live import Spoken
from voxduct.bench.speaking.hard_items import HardItem
from voxduct.bench.speaking.items import SpokenItem, details, figures, judge, pointer_figures, speak_items
from voxduct.bench.speaking.word_frames import WordFrames
from voxduct.bench.tts import Frontend, Reading
from voxduct.errors import InferenceError
from voxduct.models import CodeStep, Floats, Ints

FRAME_S = 0.02


class BreakingLm(FakeLm):
    """Raises the typed error once it is told to."""

    broken = False

    def step(self, codes: Ints, phones: Ints, age: Ints, speaker: Floats, state: object) -> CodeStep:
        if self.broken:
            raise InferenceError("the model broke")
        return super().step(codes, phones, age, speaker, state)


def item(written: str, kind: str = "list", seconds: float = 1.0) -> SpokenItem:
    spoken = Spoken(np.zeros(round(seconds * 16_000), np.float32), 16_000, (), 0.0, "completed")
    return SpokenItem(Reading(kind, written, written, 5 * len(written.split()), spoken), (), False)


def heard(spoken: SpokenItem, *texts: str) -> dict[str, object]:
    names = ("ours", "other")
    ears = {name: (lambda samples, text=text: text) for name, text in zip(names, texts, strict=False)}
    return dict(figures([judge(spoken, ears)], FRAME_S))


def test_items_are_spoken_with_their_words_traced_and_their_numbers_as_seeds() -> None:
    synthesiser = fake_synthesiser()
    items = [HardItem("one_word", "Hello."), HardItem("one_word", "Hello."), HardItem("list", "The dog and the cat.")]
    first, second, third = speak_items(synthesiser, items, Frontend.of(synthesiser))
    assert [word.text for word in third.words] == ["the", "dog", "and", "the", "cat"]
    assert third.reading.written == "the dog and the cat"
    assert first.reading.spoken.reason == "completed"
    assert not np.array_equal(first.reading.samples, second.reading.samples)


def test_items_that_fail_are_counted_and_leave_the_others_alone() -> None:
    lm = BreakingLm()
    synthesiser = fake_synthesiser(lm)
    made = []
    for spoken in speak_items(synthesiser, [HardItem("one_word", "Hello.")] * 3, Frontend.of(synthesiser)):
        made.append(spoken)
        lm.broken = len(made) == 1
    found = figures([judge(one, {"ours": lambda samples: "hello"}) for one in made], FRAME_S)
    assert (found["items"], found["items_failures"]) == (3, 1)


def test_items_skip_and_repeat_only_what_both_ears_say() -> None:
    found = heard(item("red dog blue cat"), "red blue cat cat", "red blue blue cat cat")
    assert (found["items_skipped"], found["items_repeated"]) == (0, 1)
    found = heard(item("red dog blue cat"), "red blue cat", "red blue cat")
    assert (found["items_skipped"], found["items_skipped_list"], found["items_skipped_date"]) == (1, 1, None)
    assert (found["items_wer"], found["items_wer_independent"]) == (0.25, 0.25)


def test_items_of_one_ear_have_no_slips() -> None:
    found = heard(item("red dog"), "red")
    assert (found["items_skipped"], found["items_wer_independent"], found["items_wer"]) == (None, None, 0.5)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("red dog", "red dog"), (0, 0)),
        (("red dog red dog red dog red dog", "red dog"), (0, 0)),
        (("red dog red dog red dog red dog",) * 2, (1, 0)),
        (("", "red dog"), (0, 0)),
        (("", ""), (0, 1)),
    ],
)
def test_items_run_away_or_are_truncated_where_both_ears_say_so(
    texts: tuple[str, ...], expected: tuple[int, int]
) -> None:
    found = heard(item("red dog"), *texts)
    assert (found["items_runaways"], found["items_truncations"]) == expected


def test_items_that_last_too_long_run_away_whatever_is_heard() -> None:
    assert heard(item("red dog", seconds=9.0), "red dog", "red dog")["items_runaways"] == 1


def test_pointer_figures_count_words_without_frames_and_words_without_end() -> None:
    reading = item("a b c").reading
    words = (WordFrames("a", (0, 0)), WordFrames("b", (3, 0)), WordFrames("c", (2, 60)))
    assert pointer_figures([SpokenItem(reading, words, True), SpokenItem(reading, (), False)], FRAME_S) == {
        "pointer_words": 3,
        "pointer_zero_words": 1,
        "pointer_zero_phones": 3,
        "pointer_long_words": 1,
        "pointer_longest_ms": 1240,
        "pointer_went_back": 1,
    }


def test_details_of_an_item_say_what_was_heard_and_lost() -> None:
    ears = {"ours": lambda samples: "red cat", "other": lambda samples: "read cat"}
    line = details(judge(item("red dog cat"), ears))
    assert line == "list\t1.00\t15\tred dog cat\tdog\t\tred cat\tread cat\n"
