"""Speech in pieces against speech in one piece; with fakes, and with the embedded voice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_speaking import FakeCodec, fake_synthesiser
from voxduct.audio import Samples
from voxduct.bench.speaking.seams import FLOOR_DB, LARGEST_DIFFERENCE, LOUDEST_SEAM_DB, compare, decibels, measure
from voxduct.loading import EngineOptions, load_own_synthesiser
from voxduct.models import Ints

TEXT = "Hello world. The dog!"


class ForgetfulCodec(FakeCodec):
    """Clicks at the first sample of every call: a decoder that does not go on from where it was."""

    def decode(self, codes: Ints, state: object) -> Samples:
        made = super().decode(codes, state)
        made[0] += 0.01
        return made


def test_seams_of_a_codec_with_state_are_none() -> None:
    assert measure(fake_synthesiser(), TEXT) == {"seam_difference": 0.0, "seam_db": FLOOR_DB, "gate_seams": True}


def test_seams_of_a_codec_that_clicks_are_found() -> None:
    synthesiser = fake_synthesiser()
    synthesiser.codec = ForgetfulCodec()
    found = measure(synthesiser, TEXT)
    assert found["gate_seams"] is False
    assert found["seam_db"] == pytest.approx(-40.0, abs=0.5)


def test_seams_tell_differences_elsewhere_from_those_at_seams() -> None:
    whole = np.zeros(8, np.float32)
    other = whole.copy()
    other[1] = 0.5
    found = compare([other[:4], other[4:]], whole)
    assert (found.anywhere, found.at_seams) == (0.5, 0.0)


def test_seams_of_speech_of_another_length_are_as_loud_as_can_be() -> None:
    found = compare([np.zeros(4, np.float32)], np.zeros(5, np.float32))
    assert (found.anywhere, found.at_seams) == (1.0, 1.0)


@pytest.mark.parametrize(("amplitude", "expected"), [(1.0, 0.0), (0.001, -60.0), (0.0, FLOOR_DB), (1e-30, FLOOR_DB)])
def test_seams_in_decibels_have_a_floor(amplitude: float, expected: float) -> None:
    assert decibels(amplitude) == pytest.approx(expected)


@pytest.mark.model
@pytest.mark.slow
def test_seams_of_the_embedded_voice_are_inaudible() -> None:
    found = measure(load_own_synthesiser(EngineOptions()), "Hello. Good morning.")
    difference, seam_db = found["seam_difference"], found["seam_db"]
    assert isinstance(difference, float) and difference < LARGEST_DIFFERENCE
    assert isinstance(seam_db, float) and seam_db < LOUDEST_SEAM_DB
