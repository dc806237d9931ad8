"""What the shipped voice does with a question and with a stressed word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxduct.audio import Samples
from voxduct.bench import pitch
from voxduct.dsp import Doubles
from voxduct.events import SpeechAudio
from voxduct.offline import speak
from voxduct.onnx.synthesiser import load_synthesiser
from voxduct.tts.synthesiser import Synthesiser

MODELS = Path(__file__).parents[2] / "models_onnx"


@pytest.fixture(scope="module")
def synthesiser() -> Synthesiser:
    return load_synthesiser(MODELS / "voxduct-voice-en", MODELS / "voxduct-codec-16k", MODELS / "voxduct-g2p-en")


def said(synthesiser: Synthesiser, text: str, voice: str) -> Samples:
    return np.concatenate(
        [event.samples for event in speak(synthesiser, text, voice, 0) if isinstance(event, SpeechAudio)]
    )


def semitones(samples: Samples) -> Doubles:
    """Of what is voiced."""
    hertz = pitch.track(samples)
    found: Doubles = 12.0 * np.log2(hertz[~np.isnan(hertz)] / 100.0)
    return found


@pytest.mark.model
@pytest.mark.parametrize("voice", ["ben", "ada", "ada+ben"])
def test_shipped_voice_questions_rise_at_their_end_and_statements_do_not(synthesiser: Synthesiser, voice: str) -> None:
    asked, told = (semitones(said(synthesiser, f"The train is late{mark}", voice)) for mark in "?.")
    assert asked[-4:].mean() - asked[-30:].min() > 3.0  # the climb may begin anywhere in the last vowel
    assert asked[-4:].mean() - asked[-30:-20].mean() > 0.0
    assert told[-4:].mean() - told[-30:-20].mean() < 0.0
    assert asked[-4:].mean() - told[-4:].mean() > 4.0


@pytest.mark.model
def test_shipped_voice_stressed_words_are_higher_and_louder(synthesiser: Synthesiser) -> None:
    stressed, plain = (said(synthesiser, text, "ben") for text in ("It was *really* good.", "It was really good."))
    assert len(stressed) == len(plain)
    change = pitch.track(stressed) / pitch.track(plain)
    assert 2.0 < 12.0 * np.log2(np.nanmax(change)) < 8.0
    assert np.square(stressed).mean() > 1.1 * np.square(plain).mean()
