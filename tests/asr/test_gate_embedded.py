"""The whole gate with the embedded models, as a session runs it: nothing in noise, everything in speech."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from voxduct.asr.gate import GateOptions
from voxduct.asr.options import Shares
from voxduct.asr.recogniser import Recogniser
from voxduct.audio import SAMPLE_RATE
from voxduct.bench import sounds
from voxduct.bench.bundled import bundled
from voxduct.bench.clips import read_clips
from voxduct.bench.noise import KINDS, onset, speech_spans, words_in_noise
from voxduct.bench.sounds import loudness
from voxduct.loading import EngineOptions, load_engine
from voxduct.offline import hear_text
from voxduct.onnx.webrtc import WebrtcVad
from voxduct.session import Engine
from voxduct.session.counts import EngineCounts

pytestmark = pytest.mark.model
OPEN = GateOptions(
    min_audible_ms=0,
    least_logprob=-99.0,
    opening_logprob=-99.0,
    min_tokens_per_s=0.0,
    max_silent_attention=2.0,
    max_stuck=2.0,
    max_jumps=2.0,
)


@pytest.fixture(scope="module")
def embedded() -> Engine:
    return load_engine(EngineOptions(), speaks=False)


def with_gate(engine: Engine, gate: GateOptions) -> Engine:
    """The gate alone: letters and words, which stop much of what is invented before it, have no say."""
    shared = engine.recogniser
    decoding = replace(shared.decoding, shares=Shares(letters=0.0))
    recogniser = Recogniser(shared.model, shared.tokenizer, shared.options, decoding, gate)
    return replace(engine, recogniser=recogniser, counts=EngineCounts())


@pytest.mark.parametrize("kind", KINDS)
def test_gate_half_a_minute_of_noise_has_no_words(embedded: Engine, kind: str) -> None:
    assert words_in_noise(embedded, kind, 0.5, 99).words == []


def test_gate_stops_words_that_a_vad_which_takes_noise_for_speech_lets_in(embedded: Engine) -> None:
    fooled = replace(embedded, vad=WebrtcVad(), counts=EngineCounts())
    hum = loudness(sounds.engine(np.random.default_rng(99), 30 * SAMPLE_RATE), -20.0)
    let_in = hear_text(with_gate(fooled, OPEN), hum).split()
    assert len(let_in) > 5
    gated = with_gate(fooled, embedded.recogniser.gate)
    assert len(hear_text(gated, hum).split()) < len(let_in) / 2
    by_layer = gated.counts.gate.by_layer
    assert by_layer["attention"] + by_layer["unlikely"] > 0


@pytest.mark.slow
def test_gate_bundled_clips_keep_every_word(embedded: Engine) -> None:
    shut, wide = with_gate(embedded, embedded.recogniser.gate), with_gate(embedded, OPEN)
    for clip in read_clips(bundled("heldout_clips")) + read_clips(bundled("demo")):
        before, text = sum(shut.counts.gate.by_layer.values()), hear_text(shut, clip.samples())
        if sum(shut.counts.gate.by_layer.values()) > before:  # else no layer changed anything
            assert text == hear_text(wide, clip.samples()), clip.path.name
        assert text


def test_vad_bundled_clips_onsets_are_within_their_spans(embedded: Engine) -> None:
    clips = [clip.samples() for clip in read_clips(bundled("heldout_clips"))]
    clean = [(samples, place) for samples in clips if (place := onset(samples)) is not None]
    assert len(clean) > 5
    for samples, place in clean:
        assert any(start <= place + 1_600 and place < end for start, end in speech_spans(embedded.vad, samples))
