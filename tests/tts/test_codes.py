from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_speaking import BOOKS, CODES, FakeLm, fake_config, fake_voice
from voxduct.tts.codes import CodeStream
from voxduct.tts.config import VoiceConfig
from voxduct.tts.pointer import FORCED, PhoneDuration, PhonePointer, prompt_windows
from voxduct.tts.sampling import SamplingOptions, request_rng
from voxduct.tts.voice_codes import VoiceCodes
from voxduct.tts.voices import delayed_history, prime

PHONES = [2, 10, 20, 21, 22, 3]


def generate(
    lm: FakeLm, phones: list[int], config: VoiceConfig | None = None, seed: int = 0, prompt: int = 20
) -> tuple[np.ndarray, CodeStream]:
    config = config or fake_config()
    primed = prime(fake_voice(frames=prompt), lm, config)
    stream = CodeStream(VoiceCodes(lm, config, primed, request_rng(seed, 0)), config, phones, request_rng(seed, 0))
    frames = []
    while (frame := stream.next_frame()) is not None:
        frames.append(frame)
    return np.array(frames), stream


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(2, 40), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, lambda n: 99.0, lambda n: -99.0, lambda n: float("nan") if n % 2 else 1e9]),
)
def test_code_stream_any_network_visits_every_phone_once_in_order_and_ends(
    phones: list[int], seed: int, advance: Callable[[int], float] | None
) -> None:
    durations = {index: PhoneDuration(mean=1 + index % 5, min=1 + index % 3) for index in range(64)}
    frames, stream = generate(FakeLm(advance), phones, fake_config(durations=durations), seed)
    shortest = sum(durations[phone].min for phone in phones)
    longest = sum(durations[phone].max for phone in phones)
    assert shortest <= len(frames) <= longest
    assert len(stream.places) == len(frames)
    assert stream.places == sorted(stream.places)
    assert sorted(set(stream.places)) == list(range(len(phones)))
    assert frames.shape == (len(frames), BOOKS)
    assert frames.min() >= 0
    assert frames.max() < CODES
    assert stream.done
    assert stream.next_frame() is None


def test_code_stream_eager_network_gets_the_shortest_durations() -> None:
    frames, _ = generate(
        FakeLm(lambda n: 99.0), PHONES, fake_config(durations={i: PhoneDuration(5, 2) for i in range(64)})
    )
    assert len(frames) == 2 * len(PHONES)


def test_code_stream_stuck_network_is_forced_on_at_three_times_the_mean() -> None:
    frames, _ = generate(FakeLm(lambda n: -99.0), PHONES)
    assert len(frames) == len(PHONES) * FORCED * 3


def test_code_stream_same_seed_gives_the_same_codes() -> None:
    first, _ = generate(FakeLm(), PHONES, seed=5)
    second, _ = generate(FakeLm(), PHONES, seed=5)
    other, _ = generate(FakeLm(), PHONES, seed=6)
    assert np.array_equal(first, second)
    assert not np.array_equal(first[:5], other[:5])


def test_code_stream_feeds_back_delayed_codes_of_prompt_and_speech() -> None:
    lm, prompt = FakeLm(), 20
    frames, _ = generate(lm, PHONES, prompt=prompt)
    every = np.concatenate([fake_voice(frames=prompt).prompt_codes, frames.T], axis=1)
    for number, (codes, _, _) in enumerate(lm.fed[1:]):
        for book in range(BOOKS):
            frame = prompt + number - 1 - book
            if frame < every.shape[1]:
                assert codes[0, book] == every[book, frame]
            else:
                assert codes[0, book] == CODES


def test_code_stream_without_prompt_starts_from_nothing() -> None:
    lm = FakeLm()
    frames, _ = generate(lm, PHONES, prompt=0)
    assert (lm.fed[0][0] == CODES).all()
    assert len(frames) >= len(PHONES)


def test_code_stream_windows_show_the_neighbours_and_ages_count() -> None:
    lm = FakeLm(lambda n: -99.0)
    generate(lm, [5, 6], prompt=0)
    windows = [tuple(phones[0].tolist()) for _, phones, _ in lm.fed]
    assert windows[:9] == [(0, 5, 6, 0)] * 9
    assert windows[9:] == [(5, 6, 0, 0)] * (len(windows) - 9)
    assert [int(age[0]) for _, _, age in lm.fed] == [*range(9), *range(9), 9, 9, 9]


def test_code_stream_repetition_window_leaves_other_books_alone() -> None:
    config = fake_config(sampling=SamplingOptions(repetition_window=10, top_k=1))
    frames, _ = generate(FakeLm(), PHONES, config)
    assert frames.max() < CODES


def test_prime_two_sentences_of_a_voice_do_not_disturb_each_other() -> None:
    lm, config = FakeLm(), fake_config()
    primed = prime(fake_voice(), lm, config)
    made = []
    for _ in range(2):
        stream = CodeStream(VoiceCodes(lm, config, primed, request_rng(0, 0)), config, PHONES, request_rng(0, 0))
        made.append([stream.next_frame().tolist() for _ in range(5)])  # type: ignore[union-attr]
    assert made[0] == made[1]


def test_delayed_history_shifts_every_book_by_its_delay() -> None:
    codes = np.arange(40).reshape(4, 10)
    assert delayed_history(codes, 5, fake_config()).tolist() == [4, 13, 22, 31]
    assert delayed_history(codes, 1, fake_config()).tolist() == [0, CODES, CODES, CODES]


def test_prompt_windows_run_lengths_are_found() -> None:
    windows, ages = prompt_windows(np.array([7, 7, 8, 9, 9]), unknown=1)
    assert windows.tolist() == [[0, 7, 8, 9]] * 2 + [[7, 8, 9, 0]] + [[8, 9, 0, 0]] * 2
    assert ages.tolist() == [0, 1, 0, 0, 1]


def test_prompt_windows_unknown_phones_keep_ageing() -> None:
    windows, ages = prompt_windows(np.full(40, 1), unknown=1)
    assert (windows == 1).all()
    assert ages[-1] == 31
    assert ages[5] == 5


def test_pointer_moves_at_the_median_of_the_predicted_duration() -> None:
    pointer = PhonePointer([5, 6], {5: PhoneDuration(10, 1), 6: PhoneDuration(10, 1)})
    logit = float(np.log(0.2 / 0.8))  # one chance in five per frame: median 4 frames
    for _ in range(3):
        pointer.step(logit)
        assert pointer.place == 0
    pointer.step(logit)
    assert pointer.place == 1


@pytest.mark.parametrize(("mean", "least", "most"), [(4.0, 1, 12), (0.1, 1, 1), (1.5, 9, 9), (4.1, 2, 13)])
def test_phone_duration_max_is_three_means_and_never_below_min(mean: float, least: int, most: int) -> None:
    assert PhoneDuration(mean, least).max == most


def test_pointer_thresholds_of_its_own_move_each_phone_at_its_quantile() -> None:
    durations = {5: PhoneDuration(10, 1), 6: PhoneDuration(10, 1)}
    pointer = PhonePointer([5, 6], durations, np.array([0.9, 0.3]))
    logit = float(np.log(0.2 / 0.8))  # staying: 0.8, 0.64, 0.51, 0.41, 0.33, 0.26 ...
    assert not pointer.step(logit)
    assert pointer.place == 1
    assert [pointer.step(logit) for _ in range(6)] == [False] * 5 + [True]


def test_code_stream_spread_varies_durations_and_not_the_first_phones_codes() -> None:
    even, still = generate(FakeLm(lambda n: -1.5), PHONES * 4)
    varied, moved = generate(FakeLm(lambda n: -1.5), PHONES * 4, fake_config(advance_spread=0.4))
    lengths = [np.bincount(stream.places) for stream in (still, moved)]
    assert len(set(lengths[0])) == 1
    assert len(set(lengths[1])) > 3
    common = min(lengths[0][0], lengths[1][0])
    assert np.array_equal(even[:common, 0], varied[:common, 0])
    again, _ = generate(FakeLm(lambda n: -1.5), PHONES * 4, fake_config(advance_spread=0.4))
    assert np.array_equal(varied, again)
