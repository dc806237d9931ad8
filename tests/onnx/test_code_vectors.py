"""The code vectors of the shipped codec: those that its own encoder chooses by, in the order of its books."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.errors import ModelError
from voxduct.onnx.code_vectors import read_code_vectors, read_parameters
from voxduct.onnx.codec import OnnxCodec
from voxduct.tts.sound_parameters import MelCepstra

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


ENTRY = {"pitch": [0, 3], "pitch_per_octave": 30.0, "loudness": [1, 4], "loudness_per_db": 2.0}


def config(folder: Path, **entry: object) -> Path:
    (folder / "config.json").write_text(json.dumps({"model_type": "voxduct-codec", **entry}))
    return folder


def test_read_parameters_are_those_of_the_config_or_none(tmp_path: Path) -> None:
    assert read_parameters(config(tmp_path), 6) is None
    found = read_parameters(config(tmp_path, parameters=ENTRY), 6)
    assert found is not None
    assert (found.pitch, found.pitch_per_octave, found.loudness, found.loudness_per_db) == ((0, 3), 30.0, (1, 4), 2.0)


@pytest.mark.parametrize(
    ("voicing", "width", "part"),
    [([2, 5], 6, 3), ([], 6, None), ([5, 2], 6, None), ([2, 5], 7, None), ([2, 6, 5, 7], 8, None)],
)
def test_read_parameters_moments_are_parts_where_their_layout_repeats(
    tmp_path: Path, voicing: list[int], width: int, part: int | None
) -> None:
    found = read_parameters(config(tmp_path, parameters=ENTRY | {"voicing": voicing}), width)
    assert found is not None and (found.voicing, found.part) == (tuple(voicing), part)


@pytest.mark.parametrize(
    "entry",
    [
        [],
        ENTRY | {"voicing": [2]},
        ENTRY | {"voicing": [1, 4]},
        ENTRY | {"voicing": [2, 6]},
        {"pitch": [0, 3]},
        ENTRY | {"pitch": [0]},
        ENTRY | {"pitch": [], "loudness": []},
        ENTRY | {"pitch": [0, 6]},
        ENTRY | {"pitch": [0, 1]},
        ENTRY | {"pitch_per_octave": 0.0},
        ENTRY | {"loudness_per_db": float("nan")},
    ],
)
def test_read_parameters_that_make_no_sense_raise_model_error(tmp_path: Path, entry: object) -> None:
    with pytest.raises(ModelError, match="export it again"):
        read_parameters(config(tmp_path, parameters=entry), 6)


CEPSTRA = {"count": 1, "bands": 40, "floor": 0.0001, "voicing": [2, 5], "unvoiced": -4.0}


def test_read_parameters_says_where_the_spectrum_is(tmp_path: Path) -> None:
    found = read_parameters(config(tmp_path, parameters=ENTRY | {"cepstra": CEPSTRA}), 6)
    assert found is not None and found.cepstra == MelCepstra(1, 40, 0.0001, (2, 5), -4.0)


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"count": 1},
        CEPSTRA | {"count": 0},
        CEPSTRA | {"count": 2},
        CEPSTRA | {"bands": 0},
        CEPSTRA | {"floor": 0.0},
        CEPSTRA | {"voicing": [2, 6]},
        CEPSTRA | {"unvoiced": float("inf")},
    ],
)
def test_read_parameters_with_a_spectrum_that_makes_no_sense_raise_model_error(tmp_path: Path, entry: object) -> None:
    with pytest.raises(ModelError, match=r"`cepstra`.*export it again"):
        read_parameters(config(tmp_path, parameters=ENTRY | {"cepstra": entry}), 6)


@pytest.mark.model
def test_code_vectors_of_the_shipped_codec_change_loudness_by_the_decibels_that_are_asked() -> None:
    codec = OnnxCodec(CODEC)
    vectors = read_code_vectors(CODEC, codec.num_codebooks, codec.cardinality)
    assert vectors is not None and vectors.parameters is not None
    says = vectors.parameters
    samples, _ = soundfile.read(CLIP, dtype="float32")
    codes = codec.encode(samples[: 150 * codec.frame_size], codec.new_encoder_state())
    moved = [vectors.vector(frame) for frame in codes.T]
    for vector in moved:
        vector[list(says.loudness)] -= 6.0 * says.loudness_per_db
    quiet = np.stack([vectors.nearest(vector) for vector in moved], axis=1)
    levels = [np.square(codec.decode(each, codec.new_decoder_state())).mean() for each in (codes, quiet)]
    assert 10 * np.log10(levels[0] / levels[1]) == pytest.approx(6.0, abs=1.0)
