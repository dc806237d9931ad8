from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxduct.asr.times.speech_time import SpeechTime

SILENCES = [(0, 100), (200, 300), (900, 1_000)]


def test_speech_time_stands_still_in_silence() -> None:
    time = SpeechTime(SILENCES, 1_000)
    assert time.length == 700
    assert [time.moment(position) for position in (0, 100, 150, 200, 250, 300, 301, 899, 950, 1_000)] == [
        0, 0, 50, 100, 100, 100, 101, 699, 700, 700,
    ]  # fmt: skip


def test_speech_time_starts_where_speech_resumes_and_ends_where_it_stopped() -> None:
    time = SpeechTime(SILENCES, 1_000)
    assert (time.start(0), time.start(100), time.start(99)) == (100, 300, 199)
    assert (time.end(100), time.end(101), time.end(700)) == (200, 301, 900)


def test_speech_time_of_nothing_but_silence_counts_it_all() -> None:
    time = SpeechTime([(0, 400), (400, 1_000)], 1_000)
    assert time.length == 1_000
    assert time.start(time.moment(250)) == 250


@given(edges=st.lists(st.integers(0, 500), max_size=8, unique=True), position=st.integers(0, 500))
def test_speech_time_of_any_position_of_speech_leads_back_to_it(edges: list[int], position: int) -> None:
    edges = sorted(edges)
    silences = [*zip(edges[::2], edges[1::2], strict=False)]
    time = SpeechTime(silences, 500)
    back = time.start(time.moment(position))
    if position < 500 and not any(start <= position < end for start, end in silences):
        assert back == position
    elif time.moment(position) < time.length:
        assert back > position or not silences
