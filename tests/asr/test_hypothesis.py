from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.asr.hypothesis import HeardWord, HypothesisBuffer
from voxduct.events import Word

STEP = 1_000  # samples per word


def words(text: str, start: int = 0) -> list[HeardWord]:
    return [
        HeardWord(Word(word, start + i * STEP, start + (i + 1) * STEP, 1.0), (i,))
        for i, word in enumerate(text.split())
    ]


def text(heard: list[HeardWord] | tuple[HeardWord, ...]) -> str:
    return " ".join(word.word.text for word in heard)


def test_buffer_first_hypothesis_commits_nothing() -> None:
    buffer = HypothesisBuffer()
    assert buffer.update(words("a fine day"), 10_000) == []
    assert text(buffer.hypothesis) == "a fine day"


def test_buffer_two_hypotheses_commit_their_common_prefix() -> None:
    buffer = HypothesisBuffer()
    buffer.update(words("a fine day"), 10_000)
    assert text(buffer.update(words("a fine date with"), 10_000)) == "a fine"
    assert text(buffer.hypothesis) == "date with"


def test_buffer_capitals_and_punctuation_do_not_matter_and_the_newer_wins() -> None:
    buffer = HypothesisBuffer()
    buffer.update(words("well it's"), 10_000)
    assert text(buffer.update(words("Well, it's fine"), 10_000)) == "Well, it's"


def test_buffer_punctuation_alone_agrees_with_itself_only() -> None:
    buffer = HypothesisBuffer()
    buffer.update(words("- ?"), 10_000)
    assert text(buffer.update(words("- !"), 10_000)) == "-"


def test_buffer_word_too_near_the_end_is_held_back() -> None:
    buffer = HypothesisBuffer()
    buffer.update(words("a fine day"), 10_000)
    assert text(buffer.update(words("a fine day"), 2 * STEP)) == "a fine"
    assert text(buffer.update(words("day", 2 * STEP), 3 * STEP)) == "day"


def test_buffer_commit_before_takes_what_ends_there_agreed_upon_or_not() -> None:
    buffer = HypothesisBuffer()
    buffer.update(words("a fine day"), 10_000)
    assert text(buffer.commit_before(2 * STEP + 1)) == "a fine"
    assert text(buffer.committed) == "a fine"
    assert text(buffer.hypothesis) == "day"


def test_buffer_finish_commits_everything() -> None:
    buffer = HypothesisBuffer()
    buffer.update(words("a"), 10_000)
    assert text(buffer.finish(words("b c"))) == "b c"
    assert text(buffer.committed) == "b c"
    assert buffer.hypothesis == ()


HYPOTHESES = st.lists(
    st.tuples(st.lists(st.sampled_from("abc"), max_size=6), st.integers(0, 8)), min_size=1, max_size=30
)


@settings(max_examples=80, deadline=None)
@given(hypotheses=HYPOTHESES)
def test_buffer_any_hypotheses_committed_is_append_only(hypotheses: list[tuple[list[str], int]]) -> None:
    buffer = HypothesisBuffer()
    for letters, limit in hypotheses:
        before, expected = buffer.committed, buffer.hypothesis
        heard = words(" ".join(letters))
        new = buffer.update(heard, limit * STEP)
        assert buffer.committed == (*before, *new)
        assert [one.tokens for one in (*new, *buffer.hypothesis)] == [one.tokens for one in heard]
        assert text(new) == text(expected[: len(new)])
        assert all(word.word.end <= limit * STEP for word in heard[: len(new)])
        spans = [(one.word.start, one.word.end) for one in buffer.committed]
        assert all(start <= end for start, end in spans)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_buffer_words_never_start_before_the_last_committed_one_ends() -> None:
    buffer = HypothesisBuffer(earliest=STEP // 2)
    (first,) = buffer.finish(words("a"))
    assert (first.word.start, first.word.end) == (STEP // 2, STEP)
    (second, third) = buffer.finish(words("b c", STEP // 4))
    assert (second.word.start, second.word.end) == (STEP, STEP + STEP // 4)
    assert (third.word.start, third.word.end) == (STEP + STEP // 4, 2 * STEP + STEP // 4)
    assert buffer.words_end == third.word.end


def test_buffer_words_end_where_the_utterance_does() -> None:
    buffer = HypothesisBuffer()
    buffer.latest = STEP + 10
    spans = [(one.word.start, one.word.end) for one in buffer.finish(words("a b c"))]
    assert spans == [(0, STEP), (STEP, STEP + 10), (STEP + 10, STEP + 10)]
