from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxduct.asr.decode.vocabulary import FIGURE, SENTENCE, STEP, UNKNOWN_WORD, Vocabulary, unknown
from voxduct.errors import ModelError

WORDS = [SENTENCE, "a", "the", "then", "theory"]


def vocabulary() -> Vocabulary:
    """`the` and `then` follow the begin, `theory` follows `the`."""
    return Vocabulary(
        WORDS,
        unigrams=np.array([255, 40, 30, 90, 120], np.uint8),
        backoffs=np.array([10, 4, 6, 0, 0], np.int8),
        counts=np.array([2, 0, 1, 0, 0], np.uint16),
        followers=np.array([2, 3, 4], np.uint16),
        bigrams=np.array([20, 50, 64], np.uint8),
    )


@pytest.mark.parametrize(
    ("word", "after", "steps"),
    [("the", SENTENCE, 20), ("theory", "the", 64), ("a", "the", 40 + 6), ("a", None, 40), ("the", "then", 30)],
    ids=["listed first", "listed", "backed off", "after an unknown word", "after one without followers"],
)
def test_vocabulary_logprob(word: str, after: str | None, steps: int) -> None:
    known = vocabulary()
    number, before = known.number(word), None if after is None else known.number(after)
    assert number is not None
    assert known.logprob(number, before) == -STEP * steps


@pytest.mark.parametrize(("beginning", "steps"), [("the", 30), ("then", 90), ("theo", 120), ("", 30)])
def test_vocabulary_beginning_gets_what_its_likeliest_word_gets(beginning: str, steps: int) -> None:
    assert vocabulary().best_logprob(beginning) == -STEP * steps


@pytest.mark.parametrize(("word", "price"), [("thx", UNKNOWN_WORD), ("4", FIGURE), ("42", 2 * FIGURE)])
def test_vocabulary_beginning_of_no_word_gets_what_an_unknown_one_does(word: str, price: float) -> None:
    assert vocabulary().best_logprob(word) == unknown(word) == price
    assert vocabulary().number(word) is None


def test_vocabulary_tables_of_different_lengths_are_refused() -> None:
    three = np.zeros(3, np.uint8)
    with pytest.raises(ModelError, match="not of one length"):
        Vocabulary(WORDS, three, three, three, three, three)


@pytest.mark.parametrize("content", [b"", b"no tables", b"PK\x03\x04 cut"], ids=["empty", "other", "cut"])
def test_vocabulary_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a vocabulary"):
        Vocabulary.load(path)


def test_vocabulary_file_without_a_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.npz"
    np.savez(path, words=np.frombuffer(b"a\n", np.uint8))
    with pytest.raises(ModelError, match="not a vocabulary"):
        Vocabulary.load(path)
