"""Long utterances in pieces: nothing is lost, nothing is too long, and the cut is where there is room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from voxduct.asr.live.pieces import cut
from voxduct.events import Word


def words(*edges: tuple[int, int]) -> tuple[Word, ...]:
    return tuple(Word(f"w{start}", start, end, 0.5) for start, end in edges)


EDGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), max_size=30)


@hypothesis_settings(deadline=None)
@given(EDGES, st.integers(0, 500), st.integers(1, 120))
def test_cut_pieces_join_up_and_hold_every_word_once(edges: list[tuple[int, int]], more: int, longest: int) -> None:
    said, at = [], 100
    for gap, length in edges:
        said.append(Word(str(at), at + gap, at + gap + length, 0.5))
        at += gap + length
    pieces = cut(said, 100, at + more, longest)
    assert [pieces[0].start, *(piece.end for piece in pieces)] == [
        *(piece.start for piece in pieces),
        at + more,
    ]
    assert all(piece.end - piece.start <= longest for piece in pieces)
    assert [word for piece in pieces for word in piece.words] == said
    for piece in pieces:
        assert all(piece.start <= (word.start + word.end) / 2 <= piece.end for word in piece.words)


def test_cut_short_utterance_stays_whole() -> None:
    said = words((0, 10), (20, 30))
    (piece,) = cut(said, 0, 40, 40)
    assert (piece.start, piece.end, piece.words) == (0, 40, said)


def test_cut_is_in_the_widest_gap_of_the_later_half() -> None:
    said = words((0, 20), (40, 52), (54, 60), (70, 80), (82, 95))
    assert [piece.end for piece in cut(said, 0, 110, 100)] == [65, 110], "the gap at 30 is wider, but in the first half"


def test_cut_without_words_is_at_the_longest() -> None:
    assert [(piece.start, piece.end) for piece in cut((), 0, 250, 100)] == [(0, 100), (100, 200), (200, 250)]
