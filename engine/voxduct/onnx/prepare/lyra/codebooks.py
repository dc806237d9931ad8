"""The codebooks inside Lyra's quantizer, which is written out there stage by stage in some hundred operators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxduct.errors import ModelError
from voxduct.onnx.prepare.lyra.shapes import UnsupportedError
from voxduct.onnx.tflite import Op, Subgraph, TfliteModel

ENCODE, DECODE = "encode", "decode"


def read_codebooks(model: TfliteModel, path: Path) -> npt.NDArray[np.float32]:
    """Shape [quantizers, entries, features], first quantizer first.

    Raises:
        ModelError: this is no residual quantizer, or its two halves disagree; `path` is named.
    """
    try:
        encoding, decoding = (_graph(model, name) for name in (ENCODE, DECODE))
        stages = list(_compared(encoding))
        if not stages or len({stage.shape for stage in stages}) != 1:
            raise UnsupportedError("its stages do not compare with codebooks of one shape")
        books = np.stack(stages)
        for stage, table in _looked_up(decoding):
            if stage >= len(books) or not np.array_equal(books[stage], table):
                raise UnsupportedError(f"stage {stage} decodes with another codebook than it encodes with")
    except UnsupportedError as error:
        raise ModelError(f"{path} is no residual quantizer that is known here: {error}") from error
    return books


def _graph(model: TfliteModel, name: str) -> Subgraph:
    if name not in model.signatures:
        raise UnsupportedError(f"it has no signature {name}")
    return model.subgraphs[model.signatures[name].subgraph]


def _compared(graph: Subgraph) -> Iterator[npt.NDArray[np.float32]]:
    """[entries, features] that each stage in turn takes the nearest of."""
    for operator in graph.operators:
        if operator.op is Op.SQUARED_DIFFERENCE:
            tensor = graph.tensors[operator.inputs[1]]
            if tensor.data is None or tensor.data.ndim != 3 or tensor.data.shape[0] != 1:
                raise UnsupportedError(f"{tensor.name} is no codebook")
            yield tensor.values()[0].astype(np.float32)


def _looked_up(graph: Subgraph) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """(stage, [entries, features]) that decoding takes its entries from."""
    makers = {number: operator for operator in graph.operators for number in operator.outputs}
    for operator in graph.operators:
        if operator.op is Op.GATHER:
            table, index = (graph.tensors[operator.inputs[0]], makers.get(operator.inputs[1]))
            begin = None if index is None or index.op is not Op.STRIDED_SLICE else graph.tensors[index.inputs[1]].data
            if table.data is None or begin is None:
                raise UnsupportedError(f"{table.name} is looked up in a way that is not known here")
            yield int(begin[0]), table.values().astype(np.float32)
