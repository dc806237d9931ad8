"""The code vectors of our own codec, out of the graph that decodes with them.

A graph is a protocol buffer, `ModelProto` of onnx/onnx's `onnx.proto`; read are the initialisers (graph 7, initializer
5) and of each dims (1), data_type (2) and raw_data (9).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxduct.errors import ModelError
from voxduct.models import Floats
from voxduct.onnx.protobuf import fields_of
from voxduct.tts.mixed_codes import CodeVectors

GRAPH, INITIALIZER, DIMS, DATA_TYPE, RAW_DATA = 7, 5, 1, 2, 9
FLOAT = 1


def read_code_vectors(folder: Path, books: int, cardinality: int) -> CodeVectors | None:
    """The tables of `onnx/decoder.onnx`, in the order of the books.

    None where the graph has not one such table for each book: what its codes mean is not the sum of a few vectors.

    Raises:
        ModelError: the file is missing or damaged.
    """
    path = folder / "onnx" / "decoder.onnx"
    try:
        tables = list(_tables(path.read_bytes(), cardinality))
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(f"{path} cannot be read: {error}; fetch it again") from error
    if len(tables) != books or len({table.shape for table in tables}) != 1:
        return None
    return CodeVectors(np.stack(tables))


def _tables(model: bytes, cardinality: int) -> Iterator[Floats]:
    """Matrices of floats that have a row for each code."""
    for tensor in (tensor for graph in _messages(model, GRAPH) for tensor in _messages(graph, INITIALIZER)):
        fields = list(fields_of(tensor))
        dims = [value for number, value in fields if number == DIMS and isinstance(value, int)]
        values = dict(fields)
        raw = values.get(RAW_DATA)
        if values.get(DATA_TYPE) == FLOAT and len(dims) == 2 and dims[0] == cardinality and isinstance(raw, bytes):
            yield np.frombuffer(raw, "<f4").reshape(dims).astype(np.float32)


def _messages(data: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in fields_of(data) if number == wanted and isinstance(value, bytes)]
