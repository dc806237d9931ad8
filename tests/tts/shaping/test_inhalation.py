from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_speaking import BOOKS, FakeCodec, fake_code_vectors, fake_voice, melodic_code_vectors
from tests.fakes_speaking import spectral_code_vectors as spectral
from voxduct.models import Ints
from voxduct.tts.shaping.inhalation import LONGEST_S, SHORTEST_S, Inhaler
from voxduct.tts.shaping.mel_spectrum import MelSpectrum
from voxduct.tts.sound_parameters import MelCepstra

FRAME_S = 0.02


def inhaled(speech: Ints, seed: int) -> Ints:
    inhaler = Inhaler.of(spectral(), FakeCodec())
    assert inhaler is not None
    return inhaler.codes(speech, np.random.default_rng(seed))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_inhalation_is_short_and_unvoiced(seed: int) -> None:
    breath = inhaled(fake_voice().prompt_codes, seed)
    assert round(SHORTEST_S / FRAME_S) <= breath.shape[1] <= round(LONGEST_S / FRAME_S)
    vectors = spectral()
    said = np.stack([vectors.vector(codes) for codes in breath.T])
    assert np.all(np.abs(said[:, 3] + 4.0) < 0.1), "unvoiced"


def test_inhalation_swells_and_ends_sooner_than_it_began() -> None:
    loudness = [inhaled(fake_voice().prompt_codes, seed)[0] for seed in range(20)]
    assert all(each[0] < each.max() > each[-1] for each in loudness)
    peaks = [np.flatnonzero(each == each.max()).mean() / (each.size - 1) for each in loudness]
    assert 0.5 < np.mean(peaks) < 0.75


def test_inhalation_of_a_louder_voice_is_louder_by_as_much() -> None:
    quiet, loud = (inhaled(np.tile([[level], [30], [30], [30]], 10), 1) for level in (45, 55))
    heard = quiet[0] > 10  # above the floor
    assert heard.sum() > 8
    assert np.abs(loud[0] - quiet[0] - 10)[heard].max() <= 2


def test_inhalation_of_a_voice_that_never_spoke_is_none() -> None:
    assert inhaled(np.zeros((BOOKS, 0), np.int64), 0).shape == (BOOKS, 0)


@pytest.mark.parametrize("vectors", [None, fake_code_vectors(), melodic_code_vectors()])
def test_inhaler_of_a_codec_whose_spectrum_nobody_knows_is_none(vectors: object) -> None:
    assert Inhaler.of(vectors, FakeCodec()) is None  # type: ignore[arg-type]


def test_mel_spectrum_of_as_many_cepstra_as_bands_gives_the_bands_back_with_the_floor() -> None:
    mel = MelSpectrum(MelCepstra(40, 40, 0.25, (), 0.0), 16_000)
    bands = np.random.default_rng(0).uniform(0.0, 4.0, (5, 40))
    assert mel.bands(mel.cepstra(bands)) == pytest.approx(bands + 0.25)
    assert mel.total(np.ones(40)) == pytest.approx(1.0, abs=0.05), "white noise of power 1"
