from __future__ import annotations

import numpy as np
import pytest

from voxduct.tts.shaping.contour import DECIBELS, HOLD, SEMITONES
from voxduct.tts.shaping.gestures import ACCENT, LOUDER, RISE, contour_of, stressed_vowels
from voxduct.tts.text.phonemes import PhonemeSequence, SpokenWord

SAYS = PhonemeSequence(
    tuple("pau ih z ih t l ey t pau".split()),
    (SpokenWord("is", 1, 3), SpokenWord("it", 3, 5), SpokenWord("late", 5, 8)),
)
EVEN = [4.0] * 9


@pytest.mark.parametrize(
    ("phones", "vowels"),
    [
        ("l ey t", [1]),
        ("k ao f iy", [1]),
        ("ax g r iy", [3]),
        ("w ih n d ow", [1]),
        ("d ih n er", [1]),
        ("hh er", [1]),
        ("dh ax", [1]),
        ("m ah n d ey", [1, 4]),
        ("sh", []),
    ],
)
def test_stressed_vowels_are_full_ones(phones: str, vowels: list[int]) -> None:
    assert stressed_vowels(phones.split()) == vowels


def test_contour_of_a_rising_question_climbs_over_voiced_phones_from_its_last_vowel() -> None:
    contour = contour_of(SAYS, EVEN, (), rise=True)
    assert contour is not None
    assert contour.targets[:, SEMITONES].tolist() == [0.0] * 6 + [RISE] * 3  # t has no voice to climb with
    assert contour.targets[:, HOLD].tolist() == [0.0] * 6 + [1.0] * 3
    assert not contour.targets[:, DECIBELS].any()
    assert contour.vowels == {1, 3, 6}


def test_contour_of_an_emphasised_word_comes_back_at_its_end() -> None:
    contour = contour_of(SAYS, EVEN, (2,), rise=False)
    assert contour is not None
    assert contour.targets[5:, SEMITONES].tolist() == [ACCENT / 2, ACCENT, 0.0, 0.0]
    assert contour.targets[:, DECIBELS].tolist() == [0.0] * 5 + [LOUDER] * 3 + [0.0]
    assert not contour.targets[:5].any()


def test_contour_of_a_plain_statement_or_one_without_vowels_is_none() -> None:
    assert contour_of(SAYS, EVEN, (), rise=False) is None
    hush = PhonemeSequence(("pau", "sh", "pau"), (SpokenWord("sh", 1, 2),))
    assert contour_of(hush, [4.0] * 3, (), rise=True) is None


def test_contour_between_parts_of_a_sentence_belong_to_their_phones() -> None:
    contour = contour_of(SAYS, EVEN, (0,), rise=True)
    assert contour is not None
    first, last = contour.between(0, 5), contour.between(5, 8)
    assert first is not None and last is not None
    assert np.array_equal(first.targets[:5], contour.targets[:5])
    assert not first.targets[5].any()
    assert np.array_equal(last.targets, contour.targets[5:])
    assert (first.vowels, last.vowels) == ({1, 3}, {1})
    assert contour.between(3, 5) is None
