from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voxduct.silence import SilenceMap


def test_silence_map_joins_frames_that_touch() -> None:
    silence = SilenceMap()
    for start in (0, 512, 1_024, 4_096):
        silence.add(start, start + 512)
    assert silence.between(0, 10_000) == ((0, 1_536), (4_096, 4_608))


def test_silence_map_between_clips_what_it_has() -> None:
    silence = SilenceMap()
    silence.add(100, 200)
    silence.add(300, 400)
    assert silence.between(150, 310) == ((150, 200), (300, 310))
    assert silence.between(200, 300) == ()


def test_silence_map_forgets_only_what_has_ended() -> None:
    silence = SilenceMap()
    silence.add(100, 200)
    silence.add(300, 400)
    silence.forget_before(350)
    assert silence.between(0, 1_000) == ((300, 400),)


@given(frames=st.lists(st.booleans(), max_size=60), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_silence_map_taken_in_pieces_is_the_map_as_a_whole(frames: list[bool], cuts: list[int]) -> None:
    silence, copy = SilenceMap(), SilenceMap()
    for i, silent in enumerate(frames):
        if silent:
            silence.add(10 * i, 10 * i + 10)
    edges = [0, *sorted(10 * cut for cut in cuts), 600]
    for start, end in pairwise(edges):
        for span in silence.between(start, end):
            copy.add(*span)
    assert copy.between(0, 600) == silence.between(0, 600)
