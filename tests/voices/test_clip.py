from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_voices import buzz, hush
from voxduct.audio import SAMPLE_RATE
from voxduct.errors import ClipError
from voxduct.silence import SilenceMap
from voxduct.voices.clip import (
    LEVEL_DB,
    MAX_PEAK,
    VAD_PEAK,
    ClipOptions,
    audible,
    best_window,
    block_levels_db,
    check_clip,
    choose_speech,
    levelled,
)

OPTIONS = ClipOptions()
FRAME = 320


def refusal(samples: np.ndarray, clipped: float = 0.0) -> ClipError:
    with pytest.raises(ClipError) as caught:
        check_clip(samples, clipped, OPTIONS)
    return caught.value


def test_check_clip_says_what_is_wrong() -> None:
    assert refusal(hush(0)).code == "clip_too_short"
    assert refusal(buzz(0.9)).code == "clip_too_short"
    assert refusal(hush(3)).code == "clip_silent"
    assert refusal(hush(3) + 0.5).code == "clip_silent"  # an offset is no sound
    assert refusal(buzz(3, 1e-4)).code == "clip_silent"
    clipped = refusal(buzz(3), clipped=0.031)
    assert (clipped.code, "3.1%" in str(clipped)) == ("clip_clipped", True)
    check_clip(buzz(3), 0.001, OPTIONS)
    check_clip(buzz(3, 0.01), 0.0, OPTIONS)


def test_audible_quiet_clip_with_an_offset_is_brought_up() -> None:
    heard = audible(buzz(2, 0.01) + 0.2)
    assert np.abs(heard).max() == pytest.approx(VAD_PEAK, rel=0.01)
    assert abs(heard.mean()) < 1e-4


def test_best_window_is_where_most_is_said() -> None:
    spoken = np.zeros(100 * FRAME, np.float32)
    spoken[40 * FRAME : 60 * FRAME] = 1
    assert best_window(spoken, 20 * FRAME, FRAME) == slice(40 * FRAME, 60 * FRAME)
    assert best_window(spoken, 30 * FRAME + 5, FRAME) == slice(30 * FRAME, 60 * FRAME)  # the first of equals
    assert best_window(spoken, 1000 * FRAME, FRAME) == slice(0, 100 * FRAME)
    assert best_window(spoken[: FRAME * 3 + 7], 1000 * FRAME, FRAME) == slice(0, 3 * FRAME)


def test_choose_speech_takes_the_best_and_leaves_pauses_out() -> None:
    parts = [hush(1), buzz(1.5), hush(2), buzz(5), hush(1)]
    edges = np.cumsum([0, *map(len, parts)])
    silences = SilenceMap()
    for index in (0, 2, 4):
        silences.add(int(edges[index]), int(edges[index + 1]))
    spans = [(int(edges[1]) - 800, int(edges[2])), (int(edges[3]) - 800, int(edges[4]))]
    chosen = choose_speech(np.concatenate(parts), spans, silences, OPTIONS, FRAME)
    assert chosen.found_s == pytest.approx(6.5, abs=0.001)
    assert len(chosen.samples) == OPTIONS.heard_s * SAMPLE_RATE
    first, last = chosen.prompt
    assert last - first == OPTIONS.prompt_s * SAMPLE_RATE and first % FRAME == 0
    assert block_levels_db(chosen.samples[first:last]).min() > -40


def test_choose_speech_little_of_it_is_used_whole() -> None:
    chosen = choose_speech(buzz(1.25), [(0, 20_000)], SilenceMap(), OPTIONS, FRAME)
    assert chosen.prompt == (0, len(chosen.samples)) == (0, 20_000 // FRAME * FRAME)


def test_choose_speech_without_any_or_with_too_little_is_refused() -> None:
    with pytest.raises(ClipError) as none:
        choose_speech(buzz(3), [], SilenceMap(), OPTIONS, FRAME)
    assert none.value.code == "clip_no_speech"
    with pytest.raises(ClipError) as little:
        choose_speech(buzz(3), [(0, 8_000)], SilenceMap(), OPTIONS, FRAME)
    assert (little.value.code, "0.5 s" in str(little.value)) == ("clip_too_short", True)


@pytest.mark.parametrize("level", [0.003, 0.1, 0.9])
def test_levelled_loudness_of_speech_is_the_models(level: float) -> None:
    made = levelled(np.concatenate([buzz(1, level), hush(1), buzz(1, level)]))
    assert 20 * np.log10(np.sqrt(np.mean(made[:16_000] ** 2))) == pytest.approx(LEVEL_DB, abs=0.1)
    click = buzz(1, 0.001)
    click[500] = 0.9
    assert np.abs(levelled(click)).max() <= MAX_PEAK + 1e-6
