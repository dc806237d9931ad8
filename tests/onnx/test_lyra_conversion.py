"""Lyra's converted graphs against a reference that runs the TensorFlow Lite files operator by operator in numpy."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from tests.lyra_files import CLIP, FEATURES, FRAME, NAMES, QUANTIZERS, published, write_tiny
from tests.onnx.tflite_reference import Reference
from tests.onnx.tflite_writer import FileWriter
from voxduct.codec.residual import ResidualQuantizer
from voxduct.errors import ModelError
from voxduct.onnx.lyra.graph import MAX_FRAMES, StreamGraph
from voxduct.onnx.lyra.layout import CODEBOOKS
from voxduct.onnx.prepare.lyra import prepare_lyra
from voxduct.onnx.prepare.lyra.stateful import convert_stateful, state_name
from voxduct.onnx.tflite import Op, read_tflite

TOLERANCE = 1e-4
ROUNDED_BIAS = 1e-3
"""What two roundings of one bias are apart: nothing hangs over into a stream's first frame, but its bias is added."""
REMEMBERED = 10
"""Frames that a state looks back."""


@pytest.fixture(scope="module")
def frames(lyra_files: Path) -> np.ndarray:
    """Shape [frames, 1, 320]: the clip, or noise."""
    if (lyra_files / CLIP).is_file():
        samples = soundfile.read(lyra_files / CLIP, dtype="float32")[0]
    else:
        samples = np.random.default_rng(1).normal(0, 0.1, FRAME * 8).astype(np.float32)
    return np.asarray(samples[: len(samples) // FRAME * FRAME]).reshape(-1, 1, FRAME)


@pytest.fixture(scope="module")
def features(lyra_files: Path, frames: np.ndarray) -> np.ndarray:
    """Shape [frames, 1, 1, 64], by the reference."""
    reference = Reference(read_tflite(lyra_files / NAMES[0]), "serving_default")
    return np.stack([reference.run(input_audio=frame)["output_0"] for frame in frames])


def hanging_over(path: Path) -> set[str]:
    """Variables that keep sums of a transposed convolution: here the moments that it heard are kept instead."""
    model = read_tflite(path)
    graph = model.subgraphs[model.signatures["serving_default"].subgraph]
    names = {handle: variable for variable, handle in graph.variables().items()}
    sums = {operator.outputs[0] for operator in graph.operators if operator.op is Op.SUB}
    return {
        names[operator.inputs[0]]
        for operator in graph.operators
        if operator.op is Op.ASSIGN_VARIABLE and operator.inputs[1] in sums
    }


def assert_same_states(expected: dict[str, np.ndarray], states: dict[str, np.ndarray], tolerance: float) -> None:
    for variable, array in expected.items():
        found = states[state_name(variable)]
        assert np.abs(found - array.reshape(found.shape)).max() < tolerance * max(1.0, np.abs(array).max()), variable


def test_encoder_graph_follows_the_reference_state_by_state(
    lyra_files: Path, lyra_folder: Path, frames: np.ndarray
) -> None:
    reference = Reference(read_tflite(lyra_files / NAMES[0]), "serving_default")
    bound = StreamGraph(lyra_folder / "onnx/encoder.onnx", "audio", "features", FRAME, None).bind()
    for frame in frames:
        expected = reference.run(input_audio=frame)["output_0"]
        assert np.abs(bound.run(frame) - expected).max() < TOLERANCE * max(1.0, np.abs(expected).max())
        assert bound.states().keys() == {state_name(variable) for variable in reference.variables}
        assert_same_states(reference.variables, bound.states(), TOLERANCE)


def test_decoder_graph_follows_the_reference_state_by_state(
    lyra_files: Path, lyra_folder: Path, features: np.ndarray
) -> None:
    reference = Reference(read_tflite(lyra_files / NAMES[2]), "serving_default")
    bound = StreamGraph(lyra_folder / "onnx/decoder.onnx", "features", "audio", 1, None).bind()
    without = hanging_over(lyra_files / NAMES[2])
    for number, frame in enumerate(features):
        expected = reference.run(input_audio=frame)["output_0"]
        assert np.abs(bound.run(frame) - expected).max() < TOLERANCE
        kept = {name: array for name, array in reference.variables.items() if name not in without}
        assert_same_states(kept, bound.states(), ROUNDED_BIAS if number < REMEMBERED else TOLERANCE)


@pytest.mark.parametrize(
    ("name", "given", "made", "frame"), [("encoder", "audio", "features", FRAME), ("decoder", "features", "audio", 1)]
)
def test_graph_of_several_frames_in_a_run_says_to_the_bit_what_it_says_one_by_one(
    lyra_folder: Path, name: str, given: str, made: str, frame: int
) -> None:
    graph = StreamGraph(lyra_folder / f"onnx/{name}.onnx", given, made, frame, None)
    counts = [min(count, graph.max_frames) for count in (2, 1, 3, MAX_FRAMES, 1, MAX_FRAMES - 1)]
    shape = (1, sum(counts) * frame) if name == "encoder" else (1, sum(counts), FEATURES)
    sound = np.random.default_rng(2).normal(0, 0.3, shape).astype(np.float32)
    alone, together = graph.bind(), graph.bind()
    for count, piece in zip(counts, np.split(sound, np.cumsum(counts)[:-1] * frame, axis=1), strict=True):
        one_by_one = [alone.run(part).copy() for part in np.split(piece, count, axis=1)]
        assert np.array_equal(together.run(piece), np.concatenate(one_by_one, axis=1))
    expected = alone.states()
    assert all(np.array_equal(array, expected[name]) for name, array in together.states().items())


@pytest.mark.parametrize("count", [1, 16, 30, 46])
def test_quantizer_follows_the_reference(lyra_files: Path, lyra_folder: Path, features: np.ndarray, count: int) -> None:
    model = read_tflite(lyra_files / NAMES[1])
    encode, decode = Reference(model, "encode"), Reference(model, "decode")
    quantizer = ResidualQuantizer(np.load(lyra_folder / CODEBOOKS))
    encoder, codes = quantizer.encoder(count), np.zeros(count, np.int64)
    for frame in features[:40]:
        found = encode.run(input_frames=frame, num_quantizers=np.array(count, np.int32))["output_0"].reshape(-1)
        encoder.encode(frame.reshape(-1), codes)
        assert codes.tolist() == found[:count].tolist()
        indices = np.where(np.arange(QUANTIZERS) < count, found, -1).astype(np.int32).reshape(-1, 1, 1)
        if count == QUANTIZERS or (lyra_files / CLIP).is_file():  # the tiny one knows no unused codes
            expected = decode.run(encoding_indices=indices)["output_0"].reshape(-1)
            assert np.abs(quantizer.decode(codes) - expected).max() < TOLERANCE * max(1.0, np.abs(expected).max())


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="ONNX Runtime has blocks on x86 only")
@pytest.mark.model
def test_published_graphs_run_several_frames_at_once(tmp_path: Path) -> None:
    folder = prepare_lyra(published(), tmp_path / "lyra") / "onnx"
    encoder = StreamGraph(folder / "encoder.onnx", "audio", "features", FRAME, None)
    decoder = StreamGraph(folder / "decoder.onnx", "features", "audio", 1, None)
    assert (encoder.max_frames, decoder.max_frames) == (MAX_FRAMES, MAX_FRAMES)


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_converted_graphs_take_nothing_apart_and_cut_nothing_out(lyra_folder: Path, name: str) -> None:
    graph = onnx.load(str(lyra_folder / f"onnx/{name}.onnx")).graph
    assert {node.op_type for node in graph.node} <= {"Add", "Concat", "Conv", "LeakyRelu", "Reshape", "Transpose"}
    states = [value.name for value in graph.input if value.name.startswith("state_")]
    joined = {output for node in graph.node if node.op_type == "Concat" for output in node.output}
    assert states and {f"out_{state}" for state in states} <= joined


def test_prepared_folder_says_what_it_holds(lyra_folder: Path) -> None:
    config = json.loads((lyra_folder / "config.json").read_text())
    assert config["model_type"] == "lyra-soundstream"
    assert (config["num_codebooks"], config["cardinality"], config["frame_size"]) == (46, 16, 320)
    assert (lyra_folder / "LICENSE").is_file()


def test_prepare_again_changes_nothing_until_a_file_changes(tmp_path: Path) -> None:
    source, target = write_tiny(tmp_path / "in"), tmp_path / "out"
    before = prepare_lyra(source, target).stat().st_ino
    assert prepare_lyra(source, target).stat().st_ino == before
    write_tiny(source, seed=1)
    assert prepare_lyra(source, target).stat().st_ino != before


def test_prepare_without_a_file_raises_model_error_naming_it(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "in")
    (source / NAMES[1]).unlink()
    with pytest.raises(ModelError, match=r"lacks quantizer\.tflite"):
        prepare_lyra(source, tmp_path / "out")


def test_prepare_of_exchanged_files_raises_model_error(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "in")
    (source / NAMES[1]).write_bytes((source / NAMES[0]).read_bytes())
    with pytest.raises(ModelError, match=r"quantizer\.tflite is no residual quantizer"):
        prepare_lyra(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_conversion_of_states_that_begin_otherwise_raises_model_error(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "in", start=1.0) / NAMES[0]
    with pytest.raises(ModelError, match="do not begin as zeros"):
        convert_stateful(read_tflite(path), path, "audio", "features")


def _slice_of_channels(file: FileWriter) -> None:
    graph = file.graphs[0]
    bounds = [graph.constant(np.array(at, np.int32)) for at in ([0, 0, 0, 1], [1, 1, 1, 2], [1, 1, 1, 1])]
    masks = {"ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0, "begin_mask": 0, "end_mask": 0}
    graph.outputs = graph.add(Op.STRIDED_SLICE, [0, *bounds], [(1, 1, 1, 1)], **masks)


def _fused(file: FileWriter) -> None:
    graph = file.graphs[0]
    graph.outputs = graph.add(Op.ADD, [0, 0], [(1, 1, 1, 4)], activation=1)


def _without_translation(file: FileWriter) -> None:
    graph = file.graphs[0]
    graph.outputs = graph.add(Op.ARG_MAX, [0, graph.constant(np.array(-1, np.int32))], [(1, 1, 1)])


def _upsampled(file: FileWriter) -> int:
    """One moment of four channels to six of one, by strides of two."""
    graph = file.graphs[0]
    shape, bias = graph.constant(np.array([1, 6, 1, 1], np.int32)), graph.constant(np.zeros(1, np.float32))
    inputs = [shape, graph.constant(np.ones((1, 6, 1, 4), np.float32)), 0, bias]
    return graph.add(Op.TRANSPOSE_CONV, inputs, [(1, 6, 1, 1)], padding=1, stride_h=2, stride_w=1, activation=0)[0]


def _nothing_hangs_over(file: FileWriter) -> None:
    file.graphs[0].outputs = [_upsampled(file)]


def _hanging_over_is_lost(file: FileWriter) -> None:
    graph, made = file.graphs[0], _upsampled(file)
    handle = graph.variable("tail/states")
    (read,) = graph.add(Op.READ_VARIABLE, [handle], [(1, 4, 1, 1)])
    silence = graph.constant(np.zeros((1, 2, 1, 1), np.float32))
    (late,) = graph.add(Op.CONCATENATION, [read, silence], [(1, 6, 1, 1)], axis=1, activation=0)
    graph.outputs = graph.add(Op.ADD, [made, late], [(1, 6, 1, 1)], activation=0)


def _state_of_its_own(file: FileWriter) -> None:
    graph = file.graphs[0]
    handle = graph.variable("own/states")
    graph.outputs = graph.add(Op.READ_VARIABLE, [handle], [(1, 1, 1, 4)])
    graph.add(Op.ASSIGN_VARIABLE, [handle, 0], [])


def _constant_over_time(file: FileWriter) -> None:
    graph = file.graphs[0]
    constant = graph.constant(np.zeros((1, 1, 1, 4), np.float32))
    graph.outputs = graph.add(Op.ADD, [0, constant], [(1, 1, 1, 4)], activation=0)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (_slice_of_channels, "STRIDED_SLICE"),
        (_fused, "activation inside ADD"),
        (_without_translation, "ARG_MAX"),
        (_nothing_hangs_over, "nothing where a transposed convolution needs ADD"),
        (_hanging_over_is_lost, "not cut into a frame and what hangs over"),
        (_state_of_its_own, "something else than the end of a value"),
        (_constant_over_time, "constant over time"),
    ],
)
def test_conversion_of_what_has_no_translation_raises_model_error(
    tmp_path: Path, odd: Callable[[FileWriter], None], said: str
) -> None:
    file = FileWriter()
    file.graph().input((1, 1, 1, 4))
    odd(file)
    file.sign("serving_default", 0, {"in": 0}, {"out": file.graphs[0].outputs[0]})
    path = file.save(tmp_path / "odd.tflite")
    with pytest.raises(ModelError, match=rf"odd\.tflite cannot be converted: .*{said}"):
        convert_stateful(read_tflite(path), path, "audio", "features")


@pytest.mark.model
@pytest.mark.parametrize(("name", "states"), [("encoder", 14), ("decoder", 14)])
def test_published_graphs_carry_every_state(tmp_path: Path, name: str, states: int) -> None:
    graph = onnx.load(str(prepare_lyra(published(), tmp_path / "lyra") / f"onnx/{name}.onnx")).graph
    given = {value.name for value in graph.input if value.name.startswith("state_")}
    assert len(given) == states
    assert {f"out_{name}" for name in given} == {value.name for value in graph.output[1:]}
