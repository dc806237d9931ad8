from __future__ import annotations

import pytest

from tests.fakes_speaking import fake_synthesiser
from voxduct.errors import ModelError


def test_synthesiser_names_voices_and_default() -> None:
    synthesiser = fake_synthesiser()
    assert synthesiser.voices == ("ada", "ben")
    assert synthesiser.default_voice == "ada"
    assert (synthesiser.sample_rate, synthesiser.frame_size) == (16000, 320)


def test_synthesiser_without_voices_raises_model_error() -> None:
    with pytest.raises(ModelError):
        fake_synthesiser(voices=[])
