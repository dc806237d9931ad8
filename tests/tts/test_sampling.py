from __future__ import annotations

import numpy as np
import pytest

from voxduct.tts.sampling import SamplingOptions, draw, draw_nucleus, draw_thresholds, request_rng

LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))


def shares(options: SamplingOptions, count: int = 2000) -> list[float]:
    rng = request_rng(0, 0)
    drawn = [draw_nucleus(LOGITS, options, rng) for _ in range(count)]
    return [drawn.count(code) / count for code in range(4)]


def test_nucleus_whole_distribution_is_drawn_as_likely_as_it_says() -> None:
    assert shares(SamplingOptions(temperature=1, top_p=1.0, top_k=4)) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.04)


def test_nucleus_top_p_keeps_what_reaches_it() -> None:
    assert shares(SamplingOptions(temperature=1, top_p=0.8, top_k=4)) == pytest.approx([0.625, 0.375, 0, 0], abs=0.04)


def test_nucleus_top_k_keeps_so_many() -> None:
    assert shares(SamplingOptions(temperature=1, top_p=1.0, top_k=1)) == [1, 0, 0, 0]


def test_nucleus_low_temperature_sharpens() -> None:
    assert shares(SamplingOptions(temperature=0.1, top_p=1.0, top_k=4))[0] > 0.98


def test_nucleus_zero_temperature_takes_the_likeliest_and_no_random_number() -> None:
    rng = request_rng(3, 0)
    assert draw_nucleus(LOGITS, SamplingOptions(temperature=0), rng) == 0
    assert rng.random() == request_rng(3, 0).random()


def test_nucleus_ties_are_broken_the_same_way() -> None:
    flat = np.zeros(1024, np.float32)
    options = SamplingOptions(temperature=1.0)
    assert [draw_nucleus(flat, options, request_rng(5, 0)) for _ in range(3)] == [
        draw_nucleus(flat.copy(), options, request_rng(5, 0))
    ] * 3


def test_draw_repeated_code_is_drawn_from_the_whole_distribution() -> None:
    options = SamplingOptions(temperature=1, top_k=1, repetition_window=10, repetition_share=0.1)
    rng = request_rng(0, 0)
    drawn = {draw(LOGITS, [0], options, rng) for _ in range(200)}
    assert drawn == {0, 1, 2, 3}


def test_draw_code_outside_the_window_does_not_count() -> None:
    options = SamplingOptions(temperature=1, top_k=1, repetition_window=10)
    rng = request_rng(0, 0)
    assert {draw(LOGITS, [0, *[9] * 10], options, rng) for _ in range(50)} == {0}


def test_request_rng_same_seed_and_sentence_is_the_same_numbers() -> None:
    assert request_rng(7, 1).random() == request_rng(7, 1).random()
    assert request_rng(7, 1).random() != request_rng(7, 2).random()
    assert request_rng(-1, 0).random() != request_rng(1, 0).random()


def test_thresholds_without_a_spread_are_all_the_middle() -> None:
    assert draw_thresholds(3, 0.4, 0.0, request_rng(0, 0)).tolist() == [0.4] * 3


def test_thresholds_with_a_spread_fill_it_evenly_and_repeat_with_the_seed() -> None:
    drawn = draw_thresholds(4000, 0.5, 0.3, request_rng(1, 0))
    assert drawn.min() == pytest.approx(0.2, abs=0.01) and drawn.max() == pytest.approx(0.8, abs=0.01)
    assert np.histogram(drawn, 4, (0.2, 0.8))[0] == pytest.approx([1000] * 4, rel=0.1)
    assert np.array_equal(drawn, draw_thresholds(4000, 0.5, 0.3, request_rng(1, 0)))
    assert not np.array_equal(drawn, draw_thresholds(4000, 0.5, 0.3, request_rng(2, 0)))


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_thresholds_take_none_of_the_codes_random_numbers(spread: float) -> None:
    rng = request_rng(3, 0)
    draw_thresholds(10, 0.5, spread, rng)
    assert rng.random() == request_rng(3, 0).random()
