"""Prepared graphs in fewer bits: what they hold, how close they stay, and that they still run as decoders do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.onnx.conftest import Exports
from voxduct.errors import ModelError
from voxduct.onnx.prepare import Precision, prepare_whisper
from voxduct.onnx.prepare.cache import read_record
from voxduct.onnx.prepare.graphs import all_scopes
from voxduct.onnx.prepare.precision import to_int8
from voxduct.onnx.whisper import OnnxWhisper
from voxduct.onnx.whisper_encoding import STATES, checked
from voxduct.onnx.whisper_exported import CacheState

RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def folders(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> dict[Precision, Path]:
    root = tmp_path_factory.mktemp("precisions")
    return {one: prepare_whisper(exports["tiny.en"].folder, root / one, precision=one) for one in Precision}


def product(weights: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, weights.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, weights.shape[1]])],
        [numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_to_int8_gives_each_output_channel_a_scale_and_uses_seven_bits() -> None:
    weights = RNG.standard_normal((64, 8)).astype(np.float32) * np.logspace(-3, 3, 8, dtype=np.float32)
    made = {tensor.name: numpy_helper.to_array(tensor) for tensor in to_int8(product(weights)).graph.initializer}
    (levels,) = [array for array in made.values() if array.shape == weights.shape]
    scales = next(array for name, array in made.items() if name.endswith("_scale"))
    assert levels.dtype == np.int8 and np.abs(levels.astype(int)).max() <= 64
    np.testing.assert_allclose(levels * scales, weights, atol=np.abs(weights).max(0).max() / 64)
    assert np.all(np.abs(levels * scales - weights).max(0) <= scales.reshape(-1) * 0.51)


def test_prepare_int8_weights_and_tables_are_int8_and_stored_once(folders: dict[Precision, Path]) -> None:
    model = onnx.load(folders[Precision.INT8] / "onnx" / "decoder_model_in_place_int8.onnx")
    shapes = [(tensor.data_type, list(tensor.dims)) for tensor in model.graph.initializer if len(tensor.dims) == 2]
    kinds = [kind for kind, _ in shapes]
    products = 2 * 6 + 1  # a layer: queries, keys and values at once, three more projections, two matrices; the logits
    assert kinds.count(TensorProto.INT8) == products + 2  # and the tables of tokens and positions
    assert [dims[1] for kind, dims in shapes if kind == TensorProto.FLOAT] == [1, 1]  # with a scale a row


def test_to_int8_table_whose_rows_are_taken_keeps_each_row_to_a_part_in_254() -> None:
    rows = RNG.standard_normal((50, 16)).astype(np.float32) * np.logspace(-3, 3, 50, dtype=np.float32)[:, None]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["rows", "i"], ["y"])],
        "table",
        [helper.make_tensor_value_info("i", TensorProto.INT64, [1, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, None, 16])],
        [numpy_helper.from_array(rows, "rows")],
    )
    made = to_int8(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    taken = np.asarray(session.run(None, {"i": np.arange(50)[None]})[0])[0]
    assert np.all(np.abs(taken - rows).max(1) <= np.abs(rows).max(1) / 254 * 1.001)
    assert [list(t.dims) for t in made.graph.initializer if t.data_type == TensorProto.INT8] == [[50, 16]]


def test_to_int8_merged_decoder_quantises_the_encoder_states_in_the_first_run_only(exports: Exports) -> None:
    model = to_int8(onnx.load(exports["tiny.en"].folder / "onnx" / "decoder_model_merged.onnx"))
    assert [node.op_type for node in model.graph.node] == ["If"]
    readers = [
        scope
        for scope in all_scopes(model.graph)
        for node in scope.graph.node
        if node.op_type == "DynamicQuantizeLinear" and "encoder_hidden_states" in node.input
    ]
    assert len(readers) == 1


def test_prepare_fp16_graphs_exchange_half_precision(folders: dict[Precision, Path]) -> None:
    whisper = OnnxWhisper(folders[Precision.FP16])
    encoding = whisper.encode(RNG.standard_normal((80, 200), np.float32))
    assert encoding.outputs[STATES].data_type() == "tensor(float16)"
    state = checked(whisper.new_state(encoding), CacheState)
    whisper.decode([257, 1], state)
    assert {value.data_type() for value in state.cache.values()} == {"tensor(float16)"}


@pytest.mark.parametrize(("precision", "tolerance"), [(Precision.INT8, 0.1), (Precision.FP16, 0.01)])
def test_prepare_fewer_bits_stay_close_to_the_export(
    precision: Precision, tolerance: float, folders: dict[Precision, Path]
) -> None:
    features = RNG.standard_normal((80, 600), np.float32)
    heard = []
    for one in (Precision.FP32, precision):
        whisper = OnnxWhisper(folders[one])
        assert whisper.dynamic
        state = whisper.new_state(whisper.encode(features))
        steps = [whisper.decode([257, 5], state), whisper.decode([7, 8, 9], state)]
        heard.append(steps)
    for exact, made in zip(*heard, strict=True):
        spread = exact.logits.std()
        assert np.abs(made.logits - exact.logits).mean() < tolerance * spread
        assert made.attention is not None and made.attention.shape == (3, exact.logits.shape[0], 300)
        np.testing.assert_allclose(made.attention.sum(-1), 1.0, atol=0.01)


def test_prepare_record_tells_the_difference_that_fewer_bits_make(folders: dict[Precision, Path]) -> None:
    exact, small = (read_record(folders[one]) for one in (Precision.FP32, Precision.INT8))
    assert exact is not None and set(exact.differences) == {"encoder", "decoder"}
    assert small is not None and 1e-3 < small.differences["decoder_int8"] < 10


def test_prepare_weights_that_are_not_numbers_are_refused(exports: Exports, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "onnx").mkdir(parents=True)
    for path in exports["tiny.en"].folder.glob("*.json"):
        (source / path.name).write_bytes(path.read_bytes())
    for path in (exports["tiny.en"].folder / "onnx").glob("*.onnx"):
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            if list(tensor.dims) == [32, 64] and path.name == "encoder_model.onnx":
                array = numpy_helper.to_array(tensor) * np.float32(np.nan)
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        onnx.save(model, source / "onnx" / path.name)
    with pytest.raises(ModelError, match="differs from the export by nan"):
        prepare_whisper(source, tmp_path / "made")
