"""The encoder that hears chunk by chunk, against the network it was exported from, under the masks of its training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from voxduct.asr.listening import Listener  # noqa: E402
from voxduct.dsp import LogMel  # noqa: E402
from voxduct.onnx.prepare import Precision, prepare_whisper  # noqa: E402
from voxduct.onnx.whisper import OnnxWhisper  # noqa: E402
from voxduct.onnx.whisper_encoding import Encoding  # noqa: E402
from voxduct_training.export_recognizer import Traits, export_graphs  # noqa: E402
from voxduct_training.mel import log_mel  # noqa: E402
from voxduct_training.recognizer import Context, Recognizer, Shape  # noqa: E402
from voxduct_training.tokenizer import load_tokenizer  # noqa: E402

TOKENIZER = Path(__file__).parents[2] / "models_onnx" / "voxduct-tiny-en"
LEFT_FRAMES = 250  # 5 s
FRAMES = 400  # 8 s: more than the encoder looks back
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def network() -> Recognizer:
    torch.manual_seed(1)
    made: Recognizer = Recognizer(Shape(load_tokenizer(TOKENIZER).get_vocab_size())).eval()
    return made


@pytest.fixture(scope="module")
def model(network: Recognizer, tmp_path_factory: pytest.TempPathFactory) -> OnnxWhisper:
    folder = tmp_path_factory.mktemp("streaming")
    export_graphs(network, Traits(left_frames=LEFT_FRAMES), TOKENIZER, folder / "exact")
    prepare_whisper(folder / "exact", folder / "prepared", precision=Precision.FP32)
    return OnnxWhisper(folder / "prepared")


def states(encoding: object) -> np.ndarray:
    assert isinstance(encoding, Encoding)
    return np.asarray(encoding.outputs["last_hidden_state"].numpy()[0])


def reference(network: Recognizer, features: np.ndarray, context: Context | None = None) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(network.encode(torch.from_numpy(features[None]), context)[0][0])


def stretches(features: np.ndarray, edges: list[int]) -> Iterator[np.ndarray]:
    """Log-mel between edges in encoder frames, with one more on each side."""
    padded = np.pad(features, ((0, 0), (1, 1)))
    for start, end in pairwise(edges):
        yield padded[:, 2 * start : 2 * end + 2]


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).standard_normal((80, 2 * frames), np.float32)


def test_streaming_encoder_given_a_whole_window_equals_the_network(model: OnnxWhisper, network: Recognizer) -> None:
    features = noise(FRAMES)
    assert model.streaming
    assert np.abs(states(model.encode(features)) - reference(network, features)).max() < TOLERANCE


@pytest.mark.parametrize("chunk", [1, 7, 25, 100, 399])
def test_streaming_encoder_chunk_by_chunk_equals_the_network_under_its_mask(
    model: OnnxWhisper, network: Recognizer, chunk: int
) -> None:
    features, memory, parts = noise(FRAMES), None, []
    for stretch in stretches(features, [*range(0, FRAMES, chunk), FRAMES]):
        encoding, memory = model.encode_next(stretch, memory)
        parts.append(encoding)
    expected = reference(network, features, Context(chunk, LEFT_FRAMES))
    assert np.abs(states(model.join(parts, 0)) - expected).max() < TOLERANCE
    assert np.abs(states(model.join(parts, 5)) - expected[5:]).max() < TOLERANCE


def test_streaming_encoder_memory_is_not_changed_by_a_pass_that_is_dropped(model: OnnxWhisper) -> None:
    first, second, other = stretches(np.concatenate([noise(60), noise(20)], axis=1), [0, 40, 60, 80])
    _, memory = model.encode_next(first, None)
    wanted = states(model.encode_next(second, memory)[0])
    model.encode_next(other, memory)
    assert np.array_equal(states(model.encode_next(second, memory)[0]), wanted)


@pytest.mark.parametrize(("chunk", "ahead"), [(10, 5), (25, 30)])
def test_streaming_encoder_memory_of_fewer_frames_goes_on_after_these(
    model: OnnxWhisper, network: Recognizer, chunk: int, ahead: int
) -> None:
    features = noise(chunk + ahead)
    whole, memory = model.encode_next(next(stretches(features, [0, chunk + ahead])), None, chunk)
    again, _ = model.encode_next(next(stretches(features, [chunk, chunk + ahead])), memory)
    # the frames behind look back at the kept ones, which have heard what follows, as under one mask of the whole
    assert model.num_frames(again) == ahead
    assert np.abs(states(again) - states(whole)[chunk:]).max() < TOLERANCE
    assert np.abs(states(whole) - reference(network, features)).max() < TOLERANCE


def speech(seconds: float) -> np.ndarray:
    """Noise that swells, so that the loudest value changes."""
    count = int(16_000 * seconds)
    swelling = np.linspace(0.001, 0.3, count)
    return (swelling * np.random.default_rng(3).standard_normal(count)).astype(np.float32)


def test_listener_whole_windows_then_shorter_ones_equal_the_network_under_its_mask(
    model: OnnxWhisper, network: Recognizer
) -> None:
    samples, anchor, chunk = speech(6.0), 48_000, 30
    listener, listening = Listener(model, LogMel(80)), None
    listening = listener.begin(anchor)
    start = anchor
    for end in range(chunk, 271, chunk):
        if end > 150:
            start = anchor + (end - 150) * 320
        until = anchor + end * 320 + 200  # what the last log-mel frame needs
        listening = listener.follow(listening, samples[start - anchor : until - anchor], start)
    features = log_mel(samples, causal=True)
    expected = reference(network, features, Context(chunk, LEFT_FRAMES))
    assert model.num_frames(listening.encoding) == 150
    assert np.abs(states(listening.encoding) - expected[120:270]).max() < 1e-3  # features are of double precision here


@pytest.mark.parametrize("ahead", [0, 10, 45])
def test_listener_with_lookahead_gives_the_window_whatever_the_steps(model: OnnxWhisper, ahead: int) -> None:
    samples, chunk = speech(6.0), 20
    listener = Listener(model, LogMel(80), ahead * 320)
    listening = listener.begin(0)
    for end in range(chunk, 241, chunk):
        listening = listener.follow(listening, samples[: end * 320 + 200], 0)
        assert model.num_frames(listening.encoding) == end
        assert listening.frames == max(end - ahead, 0)
    memory, parts, features = None, [], log_mel(samples, causal=True)
    edges = [0, *range(chunk - ahead % chunk if ahead % chunk else chunk, 241 - ahead, chunk)]
    for start, end in pairwise(edges):
        encoding, memory = model.encode_next(next(stretches(features, [start, end + ahead])), memory, end - start)
        parts.append(model.join([encoding], 0, end - start))
    assert listening.frames == edges[-1]
    assert np.abs(states(listening.settled) - states(model.join(parts, 0))).max() < 1e-3


def test_listener_end_of_a_stream_hears_the_silence_after_it(model: OnnxWhisper, network: Recognizer) -> None:
    samples = speech(2.0)
    listener = Listener(model, LogMel(80))
    encoding = listener.conclude(listener.begin(0), samples, 0, 6_400)
    features = log_mel(np.pad(samples, (0, 6_400)), causal=True)
    assert model.num_frames(encoding) == 120
    assert np.abs(states(encoding)[:-2] - reference(network, features)[:-2]).max() < 0.02  # its very end differs


def test_listener_of_an_utterance_longer_than_positions_begins_anew(
    model: OnnxWhisper, network: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "streaming_frames", 100)
    samples = speech(4.0)
    listener = Listener(model, LogMel(80))
    listening = listener.follow(listener.begin(0), samples[: 90 * 320 + 200], 0)
    assert listening.frames == 90
    listening = listener.follow(listening, samples[50 * 320 : 130 * 320 + 200], 50 * 320)
    assert (listening.anchor, listening.frames) == (50 * 320, 80)
    expected = reference(network, log_mel(samples[50 * 320 : 140 * 320], causal=True)[:, :162], Context(80, 1))
    assert np.abs(states(listening.encoding) - expected[:80]).max() < 1e-3


def test_listener_without_new_audio_keeps_what_it_heard(model: OnnxWhisper) -> None:
    samples = speech(2.0)
    listener = Listener(model, LogMel(80))
    listening = listener.follow(listener.begin(0), samples, 0)
    again = listener.follow(listening, samples[40 * 320 :], 40 * 320)
    assert again.frames == listening.frames
    assert np.array_equal(states(again.encoding), states(listening.encoding)[40:])
