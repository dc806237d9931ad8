"""A TensorFlow Lite file to a `TfliteModel`; whatever is wrong with a file is a ModelError that names it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxduct.errors import ModelError
from voxduct.onnx.tflite.flatbuffer import FlatbufferError, Table, identifier, root
from voxduct.onnx.tflite.model import ABSENT, Operator, Quantisation, Signature, Subgraph, Tensor, TfliteModel
from voxduct.onnx.tflite.operators import OPTIONS, Field, Op

IDENTIFIER = b"TFL3"
VERSION = 3
RESOURCE = 13
DTYPES: Mapping[int, np.dtype[np.generic]] = {
    0: np.dtype(np.float32),
    1: np.dtype(np.float16),
    2: np.dtype(np.int32),
    3: np.dtype(np.uint8),
    4: np.dtype(np.int64),
    6: np.dtype(np.bool_),
    7: np.dtype(np.int16),
    9: np.dtype(np.int8),
}
MAX_RANK = 8
_INT32, _INT64, _FLOAT32, _BYTES = (np.dtype(kind) for kind in (np.int32, np.int64, np.float32, np.uint8))


def read_tflite(path: Path) -> TfliteModel:
    """All graphs of a file.

    Raises:
        ModelError: the file is missing, is no TensorFlow Lite file, is cut off or damaged, or holds operators or
            types that are not known here.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); pull the model again") from error
    if identifier(data) != IDENTIFIER:
        raise ModelError(f"{path} is no TensorFlow Lite file (it does not say {IDENTIFIER.decode()})")
    try:
        return _model(root(data))
    except FlatbufferError as error:
        raise ModelError(f"{path} is cut off or damaged: {error}; pull the model again") from error
    except _RefusedError as error:
        raise ModelError(f"{path}: {error}") from error


class _RefusedError(ValueError):
    """The file is whole, but says something that is not understood here."""


def _model(table: Table) -> TfliteModel:
    if (version := table.integer(0, kind="I")) != VERSION:
        raise _RefusedError(f"version {version} of the format is not known here; {VERSION} is")
    ops = [_op(code) for code in table.tables(1)]
    buffers = [buffer.array(0, _BYTES) for buffer in table.tables(4)]
    subgraphs = tuple(_subgraph(graph, ops, buffers) for graph in table.tables(2))
    if not subgraphs:
        raise _RefusedError("there is no graph in it")
    signatures = {entry.text(2): _signature(entry, subgraphs) for entry in table.tables(7)}
    return TfliteModel(subgraphs, signatures)


def _op(table: Table) -> Op:
    # Codes beyond 127 did not fit into the first field; whoever writes small ones may leave out the second.
    code = max(table.integer(0, kind="b"), table.integer(3))
    try:
        return Op(code)
    except ValueError:
        custom = table.text(1)
        raise _RefusedError(f"operator {custom or code} is not known here") from None


def _subgraph(table: Table, ops: Sequence[Op], buffers: Sequence[npt.NDArray[np.generic]]) -> Subgraph:
    tensors = tuple(_tensor(entry, buffers) for entry in table.tables(0))
    operators = tuple(_operator(entry, ops, len(tensors)) for entry in table.tables(3))
    inputs, outputs = (_numbers(table, field, len(tensors)) for field in (1, 2))
    return Subgraph(table.text(4), tensors, inputs, outputs, operators)


def _tensor(table: Table, buffers: Sequence[npt.NDArray[np.generic]]) -> Tensor:
    name, code = table.text(3), table.integer(1, kind="b")
    if code not in DTYPES and code != RESOURCE:
        raise _RefusedError(f"tensor {name} is of type {code}, which is not known here")
    shape = tuple(int(size) for size in table.array(0, _INT32))
    if len(shape) > MAX_RANK or any(size < 0 for size in shape):
        raise _RefusedError(f"tensor {name} has the impossible shape {shape}")
    number = table.integer(2, kind="I")
    if number >= len(buffers):
        raise _RefusedError(f"tensor {name} lies in buffer {number}, and there are {len(buffers)}")
    dtype = DTYPES.get(code)
    return Tensor(name, shape, dtype, _constant(name, shape, dtype, buffers[number]), _quantisation(table, name, shape))


def _constant(
    name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic] | None, data: npt.NDArray[np.generic]
) -> npt.NDArray[np.generic] | None:
    if dtype is None or not len(data):
        return None
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise _RefusedError(f"tensor {name} of shape {shape} has {len(data)} bytes")
    return np.frombuffer(data.tobytes(), dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _quantisation(table: Table, name: str, shape: tuple[int, ...]) -> Quantisation | None:
    found = table.table(4)
    if found is None or not len(scales := found.array(2, _FLOAT32).astype(np.float32)):
        return None
    zeros, axis = found.array(3, _INT64).astype(np.int64), found.integer(6)
    if len(zeros) != len(scales):
        raise _RefusedError(f"tensor {name} has {len(scales)} scales and {len(zeros)} zero points")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise _RefusedError(f"tensor {name} of shape {shape} has {len(scales)} scales on axis {axis}")
    return Quantisation(scales, zeros, axis)


def _operator(table: Table, ops: Sequence[Op], tensors: int) -> Operator:
    number = table.integer(0, kind="I")
    if number >= len(ops):
        raise _RefusedError(f"an operator is of kind {number}, and there are {len(ops)}")
    op, options = ops[number], table.table(4)
    values = {name: _option(options, field) for name, field in OPTIONS.get(op, {}).items()}
    return Operator(op, _numbers(table, 1, tensors, optional=True), _numbers(table, 2, tensors), values)


def _option(options: Table | None, field: Field) -> int | float | str:
    match field.kind:
        case "s":
            return "" if options is None else options.text(field.number)
        case "f":
            return 0.0 if options is None else options.real(field.number)
        case kind:
            return field.default if options is None else options.integer(field.number, field.default, kind)


def _signature(table: Table, subgraphs: Sequence[Subgraph]) -> Signature:
    number = table.integer(4, kind="I")
    if number >= len(subgraphs):
        raise _RefusedError(f"signature {table.text(2)} is of graph {number}, and there are {len(subgraphs)}")
    count = len(subgraphs[number].tensors)
    inputs, outputs = (
        {entry.text(0): _in_range(entry.integer(1, kind="I"), count) for entry in table.tables(field)}
        for field in (0, 1)
    )
    return Signature(number, inputs, outputs)


def _numbers(table: Table, field: int, count: int, *, optional: bool = False) -> tuple[int, ...]:
    numbers = (int(number) for number in table.array(field, _INT32))
    return tuple(number if optional and number == ABSENT else _in_range(number, count) for number in numbers)


def _in_range(number: int, count: int) -> int:
    if not 0 <= number < count:
        raise _RefusedError(f"tensor {number} is named, and there are {count}")
    return number
