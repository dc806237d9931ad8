"""Weights stored in half precision: the graph casts them up, and ONNX Runtime does that once, on loading."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import numpy as np
import onnx

HALF = "_half"  # behind the name of a weight that is stored so


def halve(path: Path, shapes: Container[tuple[int, ...]] | None = None) -> None:
    """Stores the large weights, of these shapes only, as fp16, cast up when the graph is loaded: half the file.

    It is as fast as before. Constants that are no weights, as of a Fourier transform, may need all their digits.
    """
    model = onnx.load(path)
    casts = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        wanted = shapes is None or values.shape in shapes
        if values.dtype == np.float32 and values.size >= 1024 and wanted:
            name = weight.name
            weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), name + HALF))
            casts.append(onnx.helper.make_node("Cast", [name + HALF], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    onnx.save(model, path)
