"""The code vectors of the shipped codec: those that its own encoder chooses by, in the order of its books."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.errors import ModelError
from voxduct.onnx.code_vectors import read_code_vectors
from voxduct.onnx.codec import OnnxCodec

ROOT = Path(__file__).parents[2]
CODEC = ROOT / "models_onnx" / "voxduct-codec-16k"
CLIP = ROOT / "benchmarks" / "data" / "demo" / "demo-02.opus"


@pytest.mark.model
def test_code_vectors_quantise_as_the_shipped_encoder_does() -> None:
    codec = OnnxCodec(CODEC)
    vectors = read_code_vectors(CODEC, codec.num_codebooks, codec.cardinality)
    assert vectors is not None and vectors.books == 4
    samples, rate = soundfile.read(CLIP, dtype="float32")
    assert rate == 16_000
    codes = codec.encode(samples[: 100 * codec.frame_size], codec.new_encoder_state())
    again = np.stack([vectors.nearest(vectors.vector(frame)) for frame in codes.T], axis=1)
    # The nearest first code of a sum is mostly, not always, the one the sum began with.
    assert np.mean(again == codes) > 0.7
    moved = [vectors.vector(frame) - vectors.vector(one) for frame, one in zip(codes.T, again.T, strict=True)]
    spread = np.std([vectors.vector(frame) for frame in codes.T])
    assert np.std(moved) < 0.05 * spread


@pytest.mark.model
def test_code_vectors_of_a_graph_with_other_tables_are_none() -> None:
    assert read_code_vectors(CODEC, 8, 1024) is None
    assert read_code_vectors(CODEC, 4, 500) is None


def test_code_vectors_of_a_damaged_or_missing_graph_raise_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="fetch it again"):
        read_code_vectors(tmp_path, 4, 1024)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "decoder.onnx").write_bytes(b"\x3a\xff\xff\xff\x0fno graph")
    with pytest.raises(ModelError, match="fetch it again"):
        read_code_vectors(tmp_path, 4, 1024)
