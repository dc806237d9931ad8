"""How the shipped voices breathe: heard, and much quieter than they speak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.codec.stretches import SpeechDecoder, WireCodec
from voxduct.dsp import Doubles
from voxduct.events import Event, SpeechAudio, SpeechCodes, SpeechWord, SpeechWords
from voxduct.offline import speak
from voxduct.onnx.synthesiser import load_synthesiser
from voxduct.tts.sentence import CodedSentence
from voxduct.tts.shaping.inhalation import SHORTEST_S
from voxduct.tts.synthesiser import Synthesiser

MODELS = Path(__file__).parents[2] / "models_onnx"
TEXT = "The weather turned colder in the evening, and the wind came up from the sea. We walked home."
HOP = SAMPLE_RATE // 100


@pytest.fixture(scope="module")
def synthesiser() -> Synthesiser:
    made = load_synthesiser(MODELS / "voxduct-voice-en", MODELS / "voxduct-codec-16k", MODELS / "voxduct-g2p-en")
    made.options = replace(made.options, breath=True)
    return made


def sound(events: list[Event]) -> Samples:
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


def levels(samples: Samples) -> Doubles:
    """Decibels of full scale of every 10 ms."""
    power = np.square(samples[: len(samples) // HOP * HOP].astype(np.float64)).reshape(-1, HOP).mean(axis=1)
    found: Doubles = 10.0 * np.log10(power + 1e-12)
    return found


def the_breath(events: list[Event]) -> Samples:
    """What comes after the digital silence between the two sentences, as long as the shortest breath."""
    words: list[SpeechWord] = [word for event in events if isinstance(event, SpeechWords) for word in event.words]
    after = next(number for number, word in enumerate(words) if word.text == "we")
    gap = sound(events)[words[after - 1].end : words[after].start]
    begin = np.flatnonzero(gap == 0.0)[-1] + 1
    found: Samples = gap[begin : begin + round(SHORTEST_S * SAMPLE_RATE)]
    return found


@pytest.mark.model
@pytest.mark.parametrize("voice", ["ben", "ada", "iris", "ada+ben"])
def test_shipped_voice_breath_is_heard_between_sentences_far_below_speech(synthesiser: Synthesiser, voice: str) -> None:
    events = list(speak(synthesiser, TEXT, voice, 3))
    breath, speech = levels(the_breath(events)), levels(sound(events))
    spoken = speech[speech > speech.max() - 25.0]
    loudest = np.sort(breath)[len(breath) // 2 :]
    under = 10.0 * np.log10((10.0 ** (spoken / 10.0)).mean() / (10.0 ** (loudest / 10.0)).mean())
    assert 24.0 < under < 34.0


@pytest.mark.model
def test_shipped_voice_breath_is_noise_of_an_open_throat(synthesiser: Synthesiser) -> None:
    breath = the_breath(list(speak(synthesiser, TEXT, "ben", 3))).astype(np.float64)
    power = np.square(np.abs(np.fft.rfft(breath)))
    hertz = np.fft.rfftfreq(len(breath), 1.0 / SAMPLE_RATE)
    assert power[(hertz >= 500.0) & (hertz < 4_000.0)].sum() > 0.75 * power.sum()
    echoes = np.correlate(breath, breath, "full")[len(breath) - 1 :]
    assert echoes[40:270].max() < 0.3 * echoes[0], "no pitch between 60 and 400 Hz"


@pytest.mark.model
def test_shipped_voice_breath_as_codes_becomes_the_samples_of_pcm(synthesiser: Synthesiser) -> None:
    pcm = sound(list(speak(synthesiser, TEXT, "ben", 3)))
    decoder = SpeechDecoder(WireCodec.of(synthesiser.codec, "own", "1", 320))
    coded = speak(synthesiser, TEXT, "ben", 3, CodedSentence)
    decoded = np.concatenate([decoder.decode(event.sound) for event in coded if isinstance(event, SpeechCodes)])
    assert decoded.shape == pcm.shape
    assert np.abs(decoded - pcm).max() < 1e-4
