from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.dsp import Resampler
from voxduct.errors import ModelError
from voxduct.models import Floats, VadModel
from voxduct.onnx.silero import SileroVad
from voxduct.onnx.webrtc import WebrtcVad

MODELS = [SileroVad(), WebrtcVad()]
DEMO = Path(__file__).parents[2] / "benchmarks" / "data" / "demo"


def buzz(model: VadModel, frames: int) -> Floats:
    """A voice-like sound: harmonics of 120 Hz with the formants of a vowel, in syllables."""
    time = np.arange(frames * model.frame_size) / 16_000
    harmonics = range(1, 30)
    weights = [sum(np.exp(-(((120 * n - f) / 150) ** 2)) for f in (700, 1200, 2600)) for n in harmonics]
    tone = sum(w * np.sin(2 * np.pi * 120 * n * time) for n, w in zip(harmonics, weights, strict=True))
    return (0.1 * np.asarray(tone) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))).astype(np.float32).reshape(frames, -1)


@pytest.mark.parametrize("model", MODELS, ids=["silero", "webrtc"])
def test_vad_model_batching_does_not_change_probabilities(model: VadModel) -> None:
    frames = np.concatenate([buzz(model, 10), np.zeros((10, model.frame_size), np.float32)])
    whole = model.probabilities(frames, model.new_state())
    state = model.new_state()
    parts = [model.probabilities(part, state) for part in (frames[:1], frames[1:7], frames[7:])]
    assert whole.shape == (20,)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("model", MODELS, ids=["silero", "webrtc"])
def test_vad_model_voice_is_more_probable_than_silence(model: VadModel) -> None:
    speech, rate = soundfile.read(next(DEMO.glob("*.opus")), dtype="float32")
    speech = Resampler(rate).feed(speech)[: 60 * model.frame_size]
    frames = np.concatenate([speech, np.zeros(40 * model.frame_size, np.float32)]).reshape(-1, model.frame_size)
    probabilities = model.probabilities(frames, model.new_state())
    assert probabilities[20:60].mean() > 0.6
    assert probabilities[80:].max() < 0.35


def test_silero_streams_on_many_threads_do_not_disturb_each_other() -> None:
    model = SileroVad()
    frames = [buzz(model, 20) * level for level in (np.float32(1.0), np.float32(0.3), np.float32(0.1), np.float32(0.0))]
    expected = [model.probabilities(own, model.new_state()) for own in frames]
    got: list[np.ndarray] = [np.empty(0)] * 4

    def work(i: int) -> None:
        got[i] = model.probabilities(frames[i], model.new_state())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, alone in zip(got, expected, strict=True):
        np.testing.assert_array_equal(mine, alone)


def test_silero_streams_judged_together_get_what_each_alone_would() -> None:
    model = SileroVad()
    frames = [
        buzz(model, count) * level
        for count, level in ((7, np.float32(1.0)), (3, np.float32(0.3)), (5, np.float32(0.0)))
    ]
    states = [model.new_state() for _ in frames]
    alone = [model.new_state() for _ in frames]
    for cut in (2, 10):  # in two goes: what is remembered between them counts
        parts = [own[:2] if cut == 2 else own[2:] for own in frames]
        got = model.probabilities_together(list(zip(parts, states, strict=True)))
        for part, state, probabilities in zip(parts, alone, got, strict=True):
            np.testing.assert_allclose(probabilities, model.probabilities(part, state), atol=1e-5)


def test_silero_that_fails_together_has_changed_no_state() -> None:
    model = SileroVad()
    state, untouched = model.new_state(), model.new_state()
    frames = buzz(model, 3)
    with pytest.raises(TypeError):
        model.probabilities_together([(frames, state), (frames, object())])
    np.testing.assert_array_equal(model.probabilities(frames, state), model.probabilities(frames, untouched))


def test_silero_graph_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="silero"):
        SileroVad(tmp_path / "silero.onnx")


@pytest.mark.parametrize("model", MODELS, ids=["silero", "webrtc"])
def test_vad_model_state_of_another_model_is_refused(model: VadModel) -> None:
    with pytest.raises(TypeError):
        model.probabilities(np.zeros((1, model.frame_size), np.float32), object())
