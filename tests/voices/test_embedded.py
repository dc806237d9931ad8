"""Enrolment with the shipped models."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.fakes_voices import CONSENT, wav
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import ClipError
from voxduct.events import SpeechAudio
from voxduct.loading import EngineOptions, load_enroller, load_shelf, load_synthesiser
from voxduct.offline import speak
from voxduct.tts.sampling import request_rng
from voxduct.tts.shaping.timbre import Portrait
from voxduct.voices.enrolment import Enroller, run_enrolment
from voxduct.voices.sound import Sound, read_sound

pytestmark = pytest.mark.model
DEMO = Path(__file__).parents[2] / "benchmarks" / "data" / "demo"
OPTIONS = EngineOptions()


@pytest.fixture(scope="module")
def enroller() -> Enroller:
    return load_enroller(OPTIONS, load_synthesiser(OPTIONS))


def white(seconds: float) -> Samples:
    noise: Samples = np.random.default_rng(1).normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)
    return noise


def tone(seconds: float) -> Samples:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    made: Samples = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    return made


@pytest.mark.parametrize("sound", [white(4), tone(4), np.sign(tone(4)) * 0.3], ids=["noise", "tone", "square"])
def test_enrolment_of_noise_or_a_tone_finds_no_speech(enroller: Enroller, sound: Samples) -> None:
    with pytest.raises(ClipError) as caught:
        run_enrolment(enroller.begin("me", lambda: read_sound(wav(sound), 60.0)))
    assert caught.value.code == "clip_no_speech"


def test_enrolment_of_a_clip_makes_a_voice_that_outlives_the_server(enroller: Enroller, tmp_path: Path) -> None:
    shelf = load_shelf(enroller, tmp_path)
    began = time.perf_counter()
    enrolled = run_enrolment(enroller.begin("me", lambda: read_sound(DEMO / "demo-02.opus", 60.0)))
    assert time.perf_counter() - began < 20  # under a second where nobody else computes
    shelf.save(shelf.stored(enrolled, CONSENT, ""))
    again = load_shelf(load_enroller(OPTIONS, load_synthesiser(OPTIONS)), tmp_path)
    again.load()
    said = []
    enroller.synthesiser.add(enrolled.primed)
    for synthesiser in (enroller.synthesiser, again.enroller.synthesiser):
        events = speak(synthesiser, "Good morning.", "me")
        said.append(np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)]))
    assert len(said[0]) > SAMPLE_RATE // 4
    assert np.array_equal(said[0], said[1])


def test_enrolled_voice_speaks_as_high_as_its_clip(enroller: Enroller) -> None:
    clip = read_sound(DEMO / "demo-02.opus", 60.0).samples
    higher = soxr.resample(clip, SAMPLE_RATE, SAMPLE_RATE / 1.25)
    made = run_enrolment(enroller.begin("high", lambda: Sound(np.asarray(higher, np.float32), 0.0)))
    vectors, text = enroller.synthesiser.code_vectors, "The boys were there when the sun rose, and so was I."
    assert vectors is not None and vectors.parameters is not None and made.primed.timbre is not None
    semitone = vectors.parameters.pitch_per_octave / 12
    heard = Portrait.of(made.spoken.codes, vectors)
    for seed in (1, 2):
        drawn = enroller.synthesiser.codes(text, made.primed, request_rng(seed, 0))
        said = Portrait.of(np.stack(list(drawn), axis=1), vectors)
        assert said is not None and heard is not None
        assert abs(said.pitch - heard.pitch) < 1.5 * semitone
