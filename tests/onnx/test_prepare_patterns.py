"""Rewrites on graphs made by hand: forms that the exporter at hand does not write any more, or not yet."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from voxduct.onnx.prepare.cross_attention import default_heads, expose_heads
from voxduct.onnx.prepare.encoder_length import free_length
from voxduct.onnx.prepare.fusion import fuse_attention
from voxduct.onnx.prepare.report import NotRewritable

RNG = np.random.default_rng(6)
HEADS, WIDTH, SIZE = 2, 4, 8


def folded_decoder() -> onnx.ModelProto:
    """One layer whose heads are folded into the batch, as exports did before 2024, with an output per layer."""
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["x"]),
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zero"], ["batch"]),
        node("MatMul", ["encoder_hidden_states", "wk"], ["k"]),
        *fold("k"),
        node("MatMul", ["x", "wq"], ["q"]),
        *fold("q"),
        node("Transpose", ["k_folded"], ["k_turned"], perm=[0, 2, 1]),
        node("MatMul", ["q_folded", "k_turned"], ["scores"]),
        node("Softmax", ["scores"], ["weights"], axis=-1),
        node("MatMul", ["weights", "k_folded"], ["logits"]),
        node("Identity", ["weights"], ["cross_attentions.0"]),
    ]
    weights = {
        "table": RNG.standard_normal((10, SIZE)),
        "wk": RNG.standard_normal((SIZE, SIZE)),
        "wq": RNG.standard_normal((SIZE, SIZE)),
    }
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    initializers += [numpy_helper.from_array(np.array(value), name) for name, value in numbers().items()]
    graph = helper.make_graph(
        nodes,
        "folded",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "t"]),
            helper.make_tensor_value_info("encoder_hidden_states", TensorProto.FLOAT, ["b", "s", SIZE]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, None),
            helper.make_tensor_value_info("cross_attentions.0", TensorProto.FLOAT, None),
        ],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


def numbers() -> dict[str, list[int]]:
    return {"zero": [0], "split_end": [-1, HEADS, WIDTH], "folded": [-1], "two": [2], "four": [4]}


def fold(name: str) -> list[onnx.NodeProto]:
    """[batch, tokens, size] to [batch * heads, tokens, width]; the batch is sized by the tokens' side."""
    node = helper.make_node
    return [
        node("Concat", ["batch", "split_end"], [f"{name}_shape"], axis=0),
        node("Reshape", [name, f"{name}_shape"], [f"{name}_split"]),
        node("Transpose", [f"{name}_split"], [f"{name}_heads"], perm=[0, 2, 1, 3]),
        node("Shape", [f"{name}_heads"], [f"{name}_four"]),
        node("Slice", [f"{name}_four", "two", "four"], [f"{name}_two"]),
        node("Concat", ["folded", f"{name}_two"], [f"{name}_three"], axis=0),
        node("Reshape", [f"{name}_heads", f"{name}_three"], [f"{name}_folded"]),
    ]


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def test_expose_heads_folded_into_the_batch_come_out_apart() -> None:
    model = folded_decoder()
    feeds = {"input_ids": np.array([[1, 2, 3], [4, 5, 6]]), "encoder_hidden_states": noise(2, 7, SIZE)}
    before = run(model, feeds)
    expose_heads(model, [(0, 1), (0, 0)], layers=1, heads=HEADS)
    after = run(model, feeds)
    expected = before["cross_attentions.0"].reshape(2, HEADS, 3, 7)[:, [1, 0]]
    np.testing.assert_array_equal(after["cross_attentions"], expected)
    np.testing.assert_array_equal(after["logits"], before["logits"])
    assert "cross_attentions.0" not in after


def test_expose_heads_export_that_gives_them_is_left_alone() -> None:
    model = folded_decoder()
    expose_heads(model, [(0, 0)], layers=1, heads=HEADS)
    before = model.SerializeToString()
    assert "already" in expose_heads(model, [(0, 0)], layers=1, heads=HEADS)
    assert model.SerializeToString() == before


def test_default_heads_are_those_of_the_upper_half() -> None:
    assert default_heads(4, 2) == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert default_heads(1, 1) == [(0, 0)]


@pytest.mark.parametrize("carrier", ["initializer", "Constant", "Unsqueeze", "Gather"])
def test_free_length_finds_the_table_however_it_is_carried(carrier: str) -> None:
    model = encoder(carrier)
    whole = noise(1, 3, 16)
    expected = run(model, {"input_features": whole})["last_hidden_state"]
    free_length(model)
    np.testing.assert_array_equal(run(model, {"input_features": whole})["last_hidden_state"], expected)
    short = run(model, {"input_features": whole[:, :, :10]})["last_hidden_state"]
    np.testing.assert_allclose(short[:, :-1], expected[:, :4], atol=1e-6)  # the last one hears past the window's end
    assert short.shape == (1, 5, 4)


def test_free_length_graph_without_a_table_is_left_out_with_a_reason() -> None:
    model = encoder("initializer")
    model.graph.node[-1].input[1] = "bias"
    with pytest.raises(NotRewritable, match="no table of positions"):
        free_length(model)


def test_fuse_attention_graph_without_any_is_left_out_with_a_reason() -> None:
    with pytest.raises(NotRewritable, match="no self-attention"):
        fuse_attention(encoder("initializer"), heads=2)


def encoder(carrier: str) -> onnx.ModelProto:
    """A convolution and a table of 8 positions of width 4."""
    node = helper.make_node
    table = numpy_helper.from_array(noise(8, 4), "table")
    carried = {
        "initializer": ([], "table"),
        "Constant": ([node("Constant", [], ["constant"], value=table)], "constant"),
        "Unsqueeze": ([node("Unsqueeze", ["table", "first"], ["carried"])], "carried"),
        "Gather": ([node("Gather", ["table", "all"], ["carried"])], "carried"),
    }
    before, name = carried[carrier]
    graph = helper.make_graph(
        [
            *before,
            node("Conv", ["input_features", "kernel", "bias"], ["heard"], strides=[2], pads=[1, 1], kernel_shape=[3]),
            node("Transpose", ["heard"], ["turned"], perm=[0, 2, 1]),
            node("Add", ["turned", name], ["last_hidden_state"]),
        ],
        "encoder",
        [helper.make_tensor_value_info("input_features", TensorProto.FLOAT, ["b", 3, 16])],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", 8, 4])],
        [
            table,
            numpy_helper.from_array(noise(4, 3, 3), "kernel"),
            numpy_helper.from_array(noise(4), "bias"),
            numpy_helper.from_array(np.array([0]), "first"),
            numpy_helper.from_array(np.arange(8), "all"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def noise(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)
