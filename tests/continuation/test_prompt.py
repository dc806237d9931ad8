from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_continuing import hum, prompt_of
from voxduct.audio import SAMPLE_RATE
from voxduct.continuation.prompt import LAST_PAUSE, LONGEST, LONGEST_PAUSE, PEAK, PromptTail
from voxduct.errors import AudioFormatError


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 30_000), max_size=12))
def test_prompt_cut_into_any_pieces_is_the_same(cuts: list[int]) -> None:
    whole = np.concatenate([silence(0.4), hum(2), silence(2.2), hum(1, 0.05), silence(0.7)])
    tail, at = PromptTail(), 0
    for cut in [*cuts, len(whole)]:
        tail.feed(whole[at : at + cut])
        at += cut
    assert np.array_equal(tail.take().samples, prompt_of(whole).samples)


def test_prompt_of_a_long_recording_is_its_end_and_holds_no_more() -> None:
    tail = PromptTail()
    for _ in range(30):
        tail.feed(hum(20, 0.1))
        assert len(tail._kept) <= LONGEST + LONGEST_PAUSE
    tail.feed(hum(1, 0.5))
    prompt = tail.take()
    assert len(prompt.samples) == LONGEST
    loud = prompt.samples[-SAMPLE_RATE:]
    np.testing.assert_allclose(loud, hum(1, 0.5) * prompt.gain, rtol=1e-5)


@pytest.mark.parametrize("loudness", [0.01, 0.2, 1.0])
def test_prompt_of_any_loudness_has_one_peak_and_says_its_gain(loudness: float) -> None:
    prompt = prompt_of(hum(1, loudness))
    assert np.abs(prompt.samples).max() == pytest.approx(PEAK, rel=1e-3)
    assert prompt.gain == pytest.approx(PEAK / loudness, rel=0.05)


def test_prompt_with_long_pauses_has_them_shortened() -> None:
    prompt = prompt_of(np.concatenate([hum(1), silence(3), hum(1), silence(2)]))
    assert len(prompt.samples) == pytest.approx(2 * SAMPLE_RATE + LONGEST_PAUSE + LAST_PAUSE, abs=SAMPLE_RATE // 50)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (hum(0.15), "0.15 s long"),
        (np.zeros(0, np.float32), "0.00 s long"),
        (silence(3), "silent"),
        (np.full(SAMPLE_RATE, 1e-4, np.float32), "silent"),
        (np.array([0.1, np.nan] * 8000, np.float32), "NaN"),
    ],
)
def test_prompt_that_nobody_can_continue_is_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioFormatError, match=message) as caught:
        prompt_of(samples)
    assert caught.value.param == "prompt"


def test_prompt_of_a_fifth_of_a_second_is_taken() -> None:
    assert len(prompt_of(hum(0.2)).samples) == SAMPLE_RATE // 5
