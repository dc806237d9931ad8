"""The arithmetic of `bench load`: no server, no time."""

from __future__ import annotations

import numpy as np
import pytest

from voxduct import wire
from voxduct.bench.clips import Tape
from voxduct.bench.live import Heard, HeardWord
from voxduct.bench.load import Step, Talk, find_limit, growth, reach, unanswered


def final(utterance: int, start: float = 0.0, end: float = 1.0) -> wire.FinalMessage:
    return wire.FinalMessage(
        utterance=utterance, text="", start=start, end=end, words=[], confidence=0.0, language="en"
    )


def stop(utterance: int) -> wire.SpeechStoppedMessage:
    return wire.SpeechStoppedMessage(utterance=utterance, time=1.0, decided=1.2)


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 11, 16, 100])
def test_limit_is_the_greatest_good_number_of_streams(limit: int) -> None:
    found, steps = find_limit(lambda streams: Step(streams, {}, streams <= limit), most=64)
    assert found == min(limit, 64)
    assert len({step.streams for step in steps}) == len(steps)
    assert max(step.streams for step in steps) <= 64


def test_reach_is_told_by_the_first_message_that_reaches_so_far() -> None:
    talk = Talk(Tape(np.zeros(0, np.float32), ()), Heard(finals=[(2.0, final(0, end=0.3))]))
    talk.reached = [(0.5, 0, 0.2), (2.0, 0, 0.3), (0.4, 1, 9.0)]
    assert reach(talk) == pytest.approx([0.4, 0.3, 1.7])


def test_growth_is_zero_for_flat_latency_and_tells_the_slope_else() -> None:
    flat = Heard(words=[HeardWord("a", second, second + 0.5) for second in range(10)])
    late = Heard(words=[HeardWord("a", 0.5 * second, float(second)) for second in range(10)])
    assert growth([flat]) == 0
    assert growth([late]) == 30_000
    assert growth([Heard()]) is None


def test_unanswered_counts_finals_that_are_missing_or_came_twice() -> None:
    heard = Heard(finals=[(1.0, final(0)), (1.0, final(0))], stops=[(1.0, stop(0)), (1.0, stop(1))])
    assert unanswered(heard) == 2
