"""A residual vector quantizer in ONNX, of any number of its stages at each run.

Each stage takes the entry nearest to what the stages before left over, so that fewer stages are a coarser code of the
same sound. Distances are computed as |entry|² - 2 entry · rest instead of TensorFlow Lite's sum of squared
differences: the same order but for rounding, which can decide only between entries as good as equal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from voxduct.onnx.prepare.lyra.builder import GraphBuilder

FRAMES, QUANTIZERS = "frames", "quantizers"


def encoding_graph(books: npt.NDArray[np.float32]) -> onnx.ModelProto:
    """`features` [frames, 1, width] and `num_quantizers` int64 [1] to `codes` int64 [num_quantizers, frames]."""
    build = GraphBuilder("quantizer_encode")
    width = books.shape[2]
    features = build.input("features", [FRAMES, 1, width])
    count = build.input("num_quantizers", [1], TensorProto.INT64)
    zero = build.weight(np.array([0], np.int64))
    norms = (books.astype(np.float64) ** 2).sum(axis=2).astype(np.float32)
    used = [build.node("Slice", [build.weight(array), zero, count, zero]) for array in (books, norms)]
    rest = build.reshape(features, (-1, width))
    _, codes = build.scan([rest, *used], _stage(books), outputs=2)
    build.output(codes, "codes", [QUANTIZERS, FRAMES], TensorProto.INT64)
    return build.model()


def _stage(books: npt.NDArray[np.float32]) -> onnx.GraphProto:
    """One codebook's code, and what it leaves over."""
    _, entries, width = books.shape
    nodes = [
        helper.make_node("Gemm", ["rest", "book", "norms"], ["distances"], alpha=-2.0, transB=1),
        helper.make_node("ArgMin", ["distances"], ["code"], axis=1, keepdims=0),
        helper.make_node("Gather", ["book", "code"], ["entry"], axis=0),
        helper.make_node("Sub", ["rest", "entry"], ["left"]),
    ]
    shapes = {"rest": [FRAMES, width], "book": [entries, width], "norms": [entries]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    outputs = [
        helper.make_tensor_value_info("left", TensorProto.FLOAT, [FRAMES, width]),
        helper.make_tensor_value_info("code", TensorProto.INT64, [FRAMES]),
    ]
    return helper.make_graph(nodes, "stage", inputs, outputs)


def decoding_graph(books: npt.NDArray[np.float32]) -> onnx.ModelProto:
    """`codes` int64 [quantizers, frames] to `features` [frames, 1, width]; -1 is a code that adds nothing."""
    build = GraphBuilder("quantizer_decode")
    quantizers, entries, width = books.shape
    codes = build.input("codes", [QUANTIZERS, FRAMES], TensorProto.INT64)
    zero = build.weight(np.array([0], np.int64))
    count = build.node("Slice", [build.node("Shape", [codes]), zero, build.weight(np.array([1], np.int64))])
    starts = build.weight(np.arange(quantizers, dtype=np.int64)[:, None] * entries)
    used = build.node("Slice", [starts, zero, count])
    # An entry of zeros after all others is what an unused code looks up.
    table = np.concatenate([books.reshape(-1, width), np.zeros((1, width), np.float32)])
    is_unused = build.node("Less", [codes, zero])
    nothing = build.weight(np.array([quantizers * entries], np.int64))
    places = build.node("Where", [is_unused, nothing, build.node("Add", [codes, used])])
    summed = build.node("ReduceSum", [build.node("Gather", [build.weight(table), places], axis=0), zero], keepdims=0)
    build.output(build.reshape(summed, (-1, 1, width)), "features", [FRAMES, 1, width])
    return build.model()
