"""The adapter on the shipped codec: errors, shapes, and that a stream says what the whole recording says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from voxduct.codec.stream import CodecDecoderStream, CodecEncoderStream, decode_all, encode_all
from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.codec import OnnxCodec

MODEL = Path(__file__).parents[2] / "models_onnx" / "voxduct-codec-16k"


@pytest.fixture(scope="module")
def codec() -> OnnxCodec:
    return OnnxCodec(MODEL)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 320 * 12).astype(np.float32)


def test_codec_config_says_what_the_contract_says(codec: OnnxCodec) -> None:
    assert (codec.sample_rate, codec.frame_size, codec.num_codebooks, codec.cardinality) == (16000, 320, 4, 1024)


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_codec_stream_equals_offline(codec: OnnxCodec, noise: np.ndarray, step: int) -> None:
    whole = encode_all(noise, codec)
    encoder, decoder = CodecEncoderStream(codec), CodecDecoderStream(codec)
    size = step * 320 - 17  # chunks that are no whole frames
    codes = [encoder.feed(noise[at : at + size]) for at in range(0, len(noise), size)]
    codes.append(encoder.flush())
    assert (np.concatenate(codes, axis=1) != whole).mean() < 0.01  # a tie may fall the other way
    samples = [decoder.feed(whole[:, at : at + step]) for at in range(0, whole.shape[1], step)]
    assert np.abs(np.concatenate(samples) - decode_all(whole, codec)).max() < 1e-4


def test_codec_states_are_independent(codec: OnnxCodec, noise: np.ndarray) -> None:
    alone = decode_all(encode_all(noise, codec), codec)
    codes = encode_all(noise, codec)
    first, second = codec.new_decoder_state(), codec.new_decoder_state()
    made = []
    for frame in range(codes.shape[1]):
        made.append(codec.decode(codes[:, frame : frame + 1], first))
        codec.decode(codes[:, ::-1][:, frame : frame + 1], second)
    assert np.abs(np.concatenate(made) - alone).max() < 1e-4


def test_codec_failed_run_raises_inference_error_and_keeps_the_state(codec: OnnxCodec) -> None:
    state = codec.new_decoder_state()
    with pytest.raises(InferenceError):
        codec.decode(np.zeros((3, 1), np.int64), state)
    assert len(codec.decode(np.zeros((4, 1), np.int64), state)) == 320


def test_codec_foreign_state_raises_type_error(codec: OnnxCodec) -> None:
    with pytest.raises(TypeError):
        codec.decode(np.zeros((4, 1), np.int64), None)


@pytest.mark.parametrize("name", ["config.json", "onnx/decoder.onnx"])
def test_codec_missing_file_raises_model_error_naming_it(tmp_path: Path, name: str) -> None:
    shutil.copytree(MODEL, tmp_path / "codec")
    (tmp_path / "codec" / name).unlink()
    with pytest.raises(ModelError, match=Path(name).name):
        OnnxCodec(tmp_path / "codec")


@pytest.mark.parametrize("text", ["not json", "[]", json.dumps({"model_type": "whisper"})])
def test_codec_wrong_config_raises_model_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        OnnxCodec(tmp_path)


def test_codec_wrong_graph_raises_model_error(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "codec")
    shutil.copy(MODEL / "onnx/encoder.onnx", tmp_path / "codec/onnx/decoder.onnx")
    with pytest.raises(ModelError, match=r"decoder\.onnx"):
        OnnxCodec(tmp_path / "codec")
