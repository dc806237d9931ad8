"""Readings by fakes, and an ear that hears in the loudness of a sound which of them it is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_speaking import fake_synthesiser
from voxduct.audio import Samples
from voxduct.bench.speaking.originals import measure

TEXTS = [("One, two.", "one two"), ("Hello, the cat!", "hello the cat")]
SLT, RMS = 0.5, 0.25


def flite(voice: str, text: str) -> Samples:
    return np.full(3200, {"slt": SLT, "rms": RMS}[voice], np.float32)


def heard(*, slt: str, rms: str, other: str) -> dict[str, object]:
    """What `measure` says when this is heard of flite's voices, and of the fake voice and its codec."""

    def ear(samples: Samples) -> str:
        loudness = samples[len(samples) // 2]
        return slt if loudness == SLT else rms if loudness == RMS else other

    return dict(measure(fake_synthesiser(), TEXTS, "ben", ear, flite))


def test_originals_each_have_their_own_errors() -> None:
    found = heard(slt="one two", rms="hello the cat", other="")
    assert found["beside_wer_flite_slt"] == pytest.approx(3 / 5)  # two words right, three substituted or lost
    assert found["beside_wer_original"] == pytest.approx(2 / 5 + 1 / 5)
    assert (found["beside_wer"], found["beside_wer_resynthesis"]) == (1.0, 1.0)
    assert (found["beside_texts"], found["beside_original"]) == (2, "flite rms")


def test_voice_that_is_as_good_as_its_codec_passes_the_gate() -> None:
    found = heard(slt="", rms="", other="one two")
    assert (found["beside_behind"], found["gate_resynthesis"]) == (0.0, True)


def test_voice_that_is_behind_its_codec_misses_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxduct.bench.speaking.originals.encode_all", lambda samples, codec: samples)
    monkeypatch.setattr("voxduct.bench.speaking.originals.decode_all", lambda samples, codec: samples)
    found = heard(slt="", rms="one two", other="")
    assert found["beside_wer_resynthesis"] == found["beside_wer_original"] == pytest.approx(3 / 5)
    assert (found["beside_behind"], found["gate_resynthesis"]) == (pytest.approx(0.4), False)


def test_voice_of_another_origin_has_no_resynthesis() -> None:
    found = measure(fake_synthesiser(voices=None), TEXTS, "ada", lambda samples: "", None)
    assert found["beside_wer"] == 1.0
    unknown = ("beside_wer_flite_slt", "beside_wer_original", "beside_wer_resynthesis", "gate_resynthesis")
    assert [found[name] for name in unknown] == [None] * 4


def test_originals_without_an_ear_are_null() -> None:
    def unexpected(voice: str, text: str) -> Samples:
        raise AssertionError("nobody listens")

    found = measure(fake_synthesiser(), TEXTS, "ben", None, unexpected)
    assert found["beside_wer"] is None and found["beside_wer_flite_slt"] is None
