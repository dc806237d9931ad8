"""Utterances of buzzes and silences whose pitch, pace and pauses are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.test_pitch import buzz
from tests.fakes_speaking import FakeLm, fake_synthesiser
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.results import Figures
from voxduct.bench.speaking.contour import Contour
from voxduct.bench.speaking.prosody import Utterance, by_reader, by_voice, measure, panels, set_figures
from voxduct.bench.speaking.prosody_texts import PAIRS, TEXTS


def gliding(seconds: float, *octaves: float) -> Samples:
    """A voice whose pitch goes through these places, in octaves from 120 Hz."""
    count = round(seconds * SAMPLE_RATE)
    places = np.interp(np.linspace(0, len(octaves) - 1, count), range(len(octaves)), octaves)
    return buzz(120.0 * 2**places)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def syllables(*steps: float) -> Samples:
    """Swells, so many seconds from each to the next."""
    return np.concatenate([
        gliding(step, 0, 0) * np.sin(np.linspace(0, np.pi, round(step * SAMPLE_RATE))).astype(np.float32) ** 2
        for step in steps
    ])  # fmt: skip


def figures(*samples: Samples, text: str = "So.") -> Figures:
    return set_figures([Utterance(text, one, 10) for one in samples])


def test_prosody_of_an_even_voice_has_no_spread_and_no_slope() -> None:
    found = figures(gliding(1.0, 0, 0))
    assert found["pitch_hz"] == pytest.approx(120, abs=0.5)
    assert found["pitch_range_st"] == pytest.approx(0, abs=0.05)
    assert found["slope_statements"] == pytest.approx(0, abs=0.2)
    assert (found["pause_share"], found["pause_ms"], found["slope_questions"]) == (None, None, None)


def test_prosody_spread_of_a_glide_of_an_octave_is_nine_tenths_of_it() -> None:
    found = figures(gliding(2.0, 0, 1))
    assert found["pitch_range_st"] == pytest.approx(0.9 * 12, abs=0.3)
    assert found["pitch_sd_st"] == pytest.approx(12 / np.sqrt(12), abs=0.2)


def test_prosody_spread_is_within_utterances_not_between_speakers() -> None:
    assert figures(gliding(1.0, 0, 0), gliding(1.0, 1, 1))["pitch_range_st"] == pytest.approx(0, abs=0.05)


def test_prosody_slopes_of_questions_and_statements_are_apart() -> None:
    rising, falling = gliding(2.0, 0, 0, 0, 1), gliding(2.0, 0, 0, 0, -0.5)  # the last third of a second moves
    found = set_figures([Utterance("Is it?", rising, 4), Utterance("It is.", falling, 4)])
    assert found["slope_questions"] == pytest.approx(18, abs=1)
    assert found["slope_statements"] == pytest.approx(-9, abs=1)


def test_prosody_slope_of_less_than_a_tenth_of_a_second_is_unknown() -> None:
    assert figures(np.concatenate([gliding(0.06, 0, 0), silence(0.3)]))["slope_statements"] is None


def test_prosody_pauses_are_silences_inside_that_are_long_enough() -> None:
    voice = gliding(0.5, 0, 0)
    found = figures(
        np.concatenate([silence(0.5), voice, silence(0.4), voice, silence(0.08), voice, silence(0.6)]),
    )
    assert found["pause_ms"] == pytest.approx(400, abs=40)
    assert found["pause_share"] == pytest.approx(0.4 / 1.98, abs=0.02)
    assert found["phones_per_s"] == pytest.approx(10 / 1.58, rel=0.05)


def test_prosody_pace_of_even_syllables_varies_less_than_that_of_uneven_ones() -> None:
    even, uneven = figures(syllables(*[0.2] * 8)), figures(syllables(*[0.1, 0.1, 0.3, 0.3] * 2))
    assert even["syllables_per_s"] == pytest.approx(5, rel=0.15)
    assert even["syllable_cv"] == pytest.approx(0, abs=0.06)
    assert isinstance(uneven["syllable_cv"], float) and uneven["syllable_cv"] > 0.25


def test_contour_syllables_have_a_dip_between_them() -> None:
    assert len(Contour.of(syllables(0.2, 0.2, 0.2)).syllables) == 3
    shallow = 0.9 + 0.1 * np.sin(np.linspace(0, 40, SAMPLE_RATE)).astype(np.float32)
    assert len(Contour.of(gliding(1.0, 0, 0) * shallow).syllables) == 1


def test_contour_step_over_a_pause_is_no_step() -> None:
    assert Contour.of(np.concatenate([syllables(0.2, 0.2), silence(0.5), syllables(0.2)])).steps == pytest.approx(
        [0.2], abs=0.03
    )


def test_prosody_flux_of_a_still_sound_is_less_than_of_a_moving_one() -> None:
    still, moving = figures(gliding(1.0, 0, 0))["flux"], figures(gliding(1.0, *[0, 1] * 5))["flux"]
    assert isinstance(still, float) and isinstance(moving, float) and 0 <= still < 0.5 * moving


@pytest.mark.parametrize("samples", [silence(0), silence(1.0)])
def test_prosody_of_nothing_is_null(samples: Samples) -> None:
    found = figures(samples)
    assert {found[name] for name in ("pitch_hz", "pitch_range_st", "syllable_cv", "flux", "pause_share")} == {None}


def test_prosody_of_our_voice_knows_every_phone_but_the_pauses() -> None:
    (found,) = by_voice(fake_synthesiser(FakeLm(lambda step: -99.0)), ["One cat."], "ben", lambda text: 6)
    assert found.phone_s == pytest.approx([0.18] * 6)  # three times the mean of three frames
    assert set_figures([found])["phone_cv"] == 0


def test_prosody_of_a_reader_leaves_its_pauses_out() -> None:
    lasted = [("pau", 0.2), ("k", 0.1), ("ae", 0.3), ("pau", 0.5)]
    (found,) = by_reader(lambda text: gliding(1.1, 0, 0), ["cat"], lambda text: lasted, lambda text: 2)
    assert found.phone_s == (0.1, 0.3)
    assert set_figures([found])["phone_cv"] == 0.5


def test_prosody_sets_are_named_in_the_figures_and_rows_of_the_sheet() -> None:
    sets = {name: [Utterance("Is it?", gliding(0.5, 0, 0), 4)] * 2 for name in ("ada", "people")}
    found = measure(sets)
    assert found["prosody_ada_utterances"] == found["prosody_people_utterances"] == 2
    drawn = panels(sets)
    assert [panel.title for panel in drawn] == ["ada: Is it?"] * 2 + ["people: Is it?"] * 2
    assert drawn[0].pitch_hz is not None and np.nanmedian(drawn[0].pitch_hz) == pytest.approx(120, abs=1)


def test_prosody_questions_have_statements_that_end_in_the_same_word() -> None:
    assert len(TEXTS) == 20
    assert [asked.split()[-1][:-1] for asked, _ in PAIRS] == [said.split()[-1][:-1] for _, said in PAIRS]
