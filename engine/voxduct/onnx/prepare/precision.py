"""Weights in fewer bits: int8 for CPUs, float16 for GPUs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from voxduct.onnx.prepare.graphs import Scope, bodies, insert_after
from voxduct.onnx.prepare.storage import load, save

PREPROCESSED = "onnx.quant.pre_process"
INT8_MAX = 127
FLOAT = onnx.TensorProto.FLOAT


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Matrix products with weights in int8, one scale per output channel; activations are quantised as they come.

    Seven of the eight bits are used: kernels for AVX2 without VNNI add pairs of products in 16 bits, which saturate.
    Convolutions, embeddings, norms, softmax and products of activations stay as they are.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    helper.set_model_props(model, {PREPROCESSED: "onnxruntime.quant"})  # else the quantiser sets up logging and warns
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "source.onnx", Path(name) / "target.onnx"
        save(model, source)
        quantize_dynamic(
            str(source),
            str(target),
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=source.with_name(f"{source.name}_data").exists(),
            extra_options={
                "MatMulConstBOnly": True,
                "EnableSubgraph": True,
                "DefaultTensorType": onnx.TensorProto.FLOAT,  # behind fused operations, whose outputs onnx cannot infer
            },
        )
        made = load(target)
    del made.metadata_props[:]
    _into_branches(made.graph)
    _shrink_tables(made.graph)
    return made


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Everything in half precision, inputs, outputs and caches included; ids and shapes stay integers."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=False, disable_shape_infer=True)


def _shrink_tables(graph: onnx.GraphProto) -> None:
    """Tables that rows are only taken of, the embeddings of a decoder in place, become int8 with a scale a row."""
    tables = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2}
    for node in list(graph.node):
        readers = [one for one in graph.node if node.input and node.input[0] in one.input]
        table = tables.get(node.input[0]) if node.input and node.op_type == "Gather" else None
        if table is None or len(readers) > 1 or table.data_type != onnx.TensorProto.FLOAT:
            continue
        _shrink(graph, node, table)


def _shrink(graph: onnx.GraphProto, gather: onnx.NodeProto, table: onnx.TensorProto) -> None:
    rows = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / INT8_MAX
    name, indices, output = table.name, gather.input[1], gather.output[0]
    table.CopyFrom(numpy_helper.from_array(np.round(rows / scales).astype(np.int8), name))
    graph.initializer.append(numpy_helper.from_array(scales.astype(np.float32), f"{name}.scales"))
    gather.output[0] = f"{output}.int8"
    made = [
        helper.make_node("Gather", [f"{name}.scales", indices], [f"{output}.scale"], f"voxduct/scale/{output}"),
        helper.make_node("Cast", [f"{output}.int8"], [f"{output}.float"], f"voxduct/float/{output}", to=FLOAT),
        helper.make_node("Mul", [f"{output}.float", f"{output}.scale"], [output], f"voxduct/row/{output}"),
    ]
    insert_after(graph, {f"{output}.int8"}, made)


def _into_branches(graph: onnx.GraphProto) -> None:
    """Moves work on inputs into the branch of a merged decoder that needs it.

    The quantiser puts it before the `If`, where the encoder's states would be quantised again for every token.
    """
    scopes = [scope for scope in bodies(graph) if scope.outer is not None]
    if not scopes:
        return
    hoisted = [node for node in graph.node if node.op_type == "DynamicQuantizeLinear"]
    for scope in scopes:
        used = {name for node in scope.graph.node for name in node.input}
        insert_after(scope.graph, set(), [_own(scope, node) for node in hoisted if used & set(node.output)])
    for node in hoisted:
        graph.node.remove(node)


def _own(scope: Scope, node: onnx.NodeProto) -> onnx.NodeProto:
    """A copy of a node, its outputs under names that only this branch has."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    new = {name: f"voxduct/inner/{name}" for name in node.output}
    del made.output[:]
    made.output.extend(new.values())
    for reader in scope.graph.node:
        for i, name in enumerate(reader.input):
            reader.input[i] = new.get(name, name)
    return made
