"""Codes as graphs exchange them, and as everybody else does: [codes of a frame, frames].

One tensor holds all books, as [stretches, batch, books, frames], [batch, books, frames], [books, batch, frames] or, of
a single book, [batch, frames] or [frames]; `stretches` is what EnCodec calls chunks. Or each book has a tensor of its
own, of which some are longer than others: then the codes that a book has in one frame are rows one after the other, in
order of time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxduct.errors import InferenceError
from voxduct.models import Ints
from voxduct.onnx.codecs.graph import Array, Port

MAX_RANK = 4  # [stretches, batch, books, frames]


def num_books(port: Port) -> int | None:
    """Of the only tensor of codes; None where the graph leaves it open."""
    match port.shape:
        case (_,) | (_, _):
            return 1
        case (books, 1, _) if books is not None and books > 1:
            return books
        case (_, books, _) | (_, _, books, _):
            return books
    return None


def join(tensors: Sequence[Array], rates: tuple[int, ...]) -> tuple[Ints, int]:
    """What a graph gave to codes of shape [codes of a frame, frames], and the number of stretches.

    Raises:
        InferenceError: the tensors are of other shapes than their number and `rates` promise.
    """
    if len(tensors) == 1:
        return _join_one(tensors[0])
    rows = [tensor.reshape(-1).astype(np.int64) for tensor in tensors]
    frames = len(rows[0]) // rates[0]
    if any(len(row) != rate * frames for row, rate in zip(rows, rates, strict=True)):
        lengths = ", ".join(str(len(row)) for row in rows)
        raise InferenceError(f"books have {lengths} codes, which are not at rates {rates}")
    return np.concatenate([row.reshape(frames, -1).T for row in rows]), 1


def _join_one(tensor: Array) -> tuple[Ints, int]:
    codes = tensor.astype(np.int64)
    match codes.shape:
        case (_,) | (1, _):
            return codes.reshape(1, -1), 1
        case (1, _, _):
            return codes[0], 1
        case (_, 1, _):
            return codes[:, 0], 1
        case (stretches, 1, books, _):
            return codes[:, 0].transpose(1, 0, 2).reshape(books, -1), stretches
    raise InferenceError(f"codes of shape {tensor.shape} are not of one recording")


def split(codes: Ints, stretches: int, ports: Sequence[Port], rates: tuple[int, ...]) -> list[Array]:
    """Codes of shape [codes of a frame, frames] to what these inputs take."""
    if len(ports) == 1:
        return [_shape_one(codes, stretches, ports[0])]
    ends = np.cumsum(rates)[:-1]
    rows = [part.T.reshape(1, -1) for part in np.split(codes, ends)]
    return [_shape_one(row, 1, port) for row, port in zip(rows, ports, strict=True)]


def _shape_one(codes: Ints, stretches: int, port: Port) -> Array:
    books = codes.shape[0]
    match port.shape:
        case (_,):
            shaped = codes[0]
        case (_, _):
            shaped = codes
        case (first, 1, _) if first is not None and first > 1:
            shaped = codes[:, None]
        case (_, _, _):
            shaped = codes[None]
        case _:
            shaped = codes.reshape(books, stretches, -1).transpose(1, 0, 2)[:, None]
    return np.ascontiguousarray(shaped, port.dtype)
