"""The texts are those of their seed, of every kind, and all of them can be spoken."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fakes_speaking import LEXICON
from voxduct.bench.speaking.hard_items import ITEMS, KINDS, hard_items
from voxduct.tts.text.normalise import PAUSES, spoken_words


def test_hard_items_are_a_thousand_and_every_kind_has_its_share() -> None:
    kinds = Counter(item.kind for item in hard_items())
    assert sum(kinds.values()) == ITEMS == 1_000
    assert set(kinds) == set(KINDS)
    assert max(kinds.values()) - min(kinds.values()) <= 1


def test_hard_items_are_nearly_all_different() -> None:
    assert len({item.text for item in hard_items()}) > 0.9 * ITEMS


def test_hard_items_of_a_smaller_number_are_the_first() -> None:
    assert hard_items(60) == hard_items()[:60]
    assert hard_items(60, seed=1) != hard_items(60)


@pytest.mark.parametrize(("kind", "count"), [("one_word", 1), ("two_words", 2), ("sixty_words", 60)])
def test_hard_items_have_as_many_words_as_their_kind_says(kind: str, count: int) -> None:
    assert {len(item.text.split()) for item in hard_items() if item.kind == kind} == {count}


def test_hard_items_repeat_words_side_by_side() -> None:
    repeats = [
        item.text.lower().replace(",", "").rstrip(".").split() for item in hard_items() if item.kind == "repeats"
    ]
    assert all(max(Counter(words).values()) >= 2 for words in repeats)


def test_hard_items_with_figures_are_said_as_words() -> None:
    for item in hard_items():
        words = [word for word in spoken_words(item.text, LEXICON.__contains__) if word not in PAUSES]
        assert words, item
        assert not any(character.isdigit() for word in words for character in word), item
