"""Reading and writing graphs, also those whose weights do not fit into one file."""

from __future__ import annotations

from pathlib import Path

import onnx

from voxduct.errors import ModelError
from voxduct.onnx.prepare.graphs import all_scopes

SHARED_FROM = 1_024  # bytes of a tensor that is worth a place in a file of its own
LARGE = 1_900_000_000  # bytes; a protobuf message ends at 2 GiB


def load(path: Path) -> onnx.ModelProto:
    """A graph with its weights, those in files beside it included; raises ModelError when it is none."""
    try:
        return onnx.load(str(path))
    except Exception as error:  # protobuf's and onnx's errors have no common base
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be read as an ONNX graph ({reason}); fetch it again") from error


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes a graph; weights go to `<name>_data` beside it when they are too many for one file."""
    if weight_bytes(model) < LARGE:
        onnx.save(model, str(path))
    else:
        onnx.save(model, str(path), save_as_external_data=True, location=f"{path.name}_data")


def save_sharing(model: onnx.ModelProto, path: Path, other: onnx.ModelProto, other_path: Path) -> None:
    """Writes two graphs that have weights of the same names in common; these lie in `<name>_data` beside the first."""
    onnx.save(model, str(path), save_as_external_data=True, location=f"{path.name}_data", size_threshold=SHARED_FROM)
    path.with_name(f"{path.name}_data").chmod(0o644)  # which onnx keeps to its owner
    places = {tensor.name: tensor for tensor in onnx.load(str(path), load_external_data=False).graph.initializer}
    for tensor in other.graph.initializer:
        if tensor.name in places and places[tensor.name].data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(places[tensor.name])
    onnx.save(other, str(other_path))


def size(path: Path) -> int:
    """Bytes of a graph and the weights beside it."""
    return sum(part.stat().st_size for part in _parts(path))


def remove(path: Path) -> None:
    """Deletes a graph and the weights beside it."""
    for part in _parts(path):
        part.unlink()


def _parts(path: Path) -> list[Path]:
    return [part for part in (path, path.with_name(f"{path.name}_data")) if part.is_file()]


def weight_bytes(model: onnx.ModelProto) -> int:
    """How much the weights take."""
    tensors = (tensor for scope in all_scopes(model.graph) for tensor in scope.graph.initializer)
    return sum(len(tensor.raw_data) for tensor in tensors)
