"""One graph of a codec, whatever its inputs and outputs are called: which are states, and which are not.

An input is a state when an output has its name with `out_` before it, or with `present` where it has `past`; it starts
as zeros and takes what the run before gave. Axes that a graph leaves open are empty at the start (keys and values that
nobody wrote yet), except the first one, which is the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.runtime import OrtOptions, open_session

Array = npt.NDArray[Any]
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output."""

    name: str
    shape: tuple[int | None, ...]
    """None where the graph leaves it open."""
    dtype: np.dtype[Any]

    @property
    def is_codes(self) -> bool:
        """Whether it holds whole numbers."""
        return self.dtype.kind == "i"

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.dtype} [{sizes}]"


class GraphMemory:
    """What one stream's graph remembers; replaced as a whole by every run."""

    __slots__ = ("owner", "tensors")

    def __init__(self, owner: Graph, tensors: dict[str, Array]) -> None:
        self.owner, self.tensors = owner, tensors


class Graph:
    """Shared by all streams, each with a `GraphMemory` of its own."""

    def __init__(self, path: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when the file is missing, is no graph, or exchanges what is neither sound nor codes."""
        self._session = open_session(path, options)
        self.path = path
        inputs = [_port(value, path) for value in self._session.get_inputs()]
        outputs = [_port(value, path) for value in self._session.get_outputs()]
        self._pairs = _pair({port.name for port in inputs}, {port.name for port in outputs})
        self._states = [port for port in inputs if port.name in self._pairs]
        self.inputs = [port for port in inputs if port.name not in self._pairs]
        """All but states."""
        self.outputs = [port for port in outputs if port.name not in self._pairs.values()]
        """All but states."""

    @property
    def has_states(self) -> bool:
        """Whether it remembers what it was given before."""
        return bool(self._states)

    def new_memory(self) -> GraphMemory:
        """Of a stream that has seen nothing."""
        return GraphMemory(self, {port.name: np.zeros(_start(port), port.dtype) for port in self._states})

    def run(self, feeds: Mapping[str, Array], wanted: Iterable[Port], memory: object) -> list[Array]:
        """These outputs; advances `memory`. Raises InferenceError, and leaves `memory` as it was."""
        if not isinstance(memory, GraphMemory) or memory.owner is not self:
            raise TypeError(f"not a state of {self.path.name}: {type(memory).__name__}")
        names = [port.name for port in wanted]
        try:
            found = self._session.run([*names, *self._pairs.values()], {**feeds, **memory.tensors})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InferenceError(f"{self.path.name} failed: {reason[:200]}") from error
        memory.tensors = dict(zip(self._pairs, found[len(names) :], strict=True))
        return list(found[: len(names)])

    def refuse(self, why: str) -> ModelError:
        """An error that says which inputs and outputs there are."""
        inputs, outputs = ("; ".join(map(str, ports)) or "none" for ports in (self.inputs, self.outputs))
        return ModelError(
            f"{self.path} {why}; apart from states it takes {inputs} and gives {outputs} (see docs/codecs.md for what "
            "is understood)"
        )


def _port(value: Any, path: Path) -> Port:
    if value.type not in _TYPES:
        raise ModelError(f"{path} exchanges {value.name} as {value.type}; codecs exchange floats and whole numbers")
    shape = tuple(size if isinstance(size, int) else None for size in value.shape or ())
    return Port(value.name, shape, np.dtype(_TYPES[value.type]))


def _pair(inputs: Iterable[str], outputs: set[str]) -> dict[str, str]:
    """Inputs that are states, and the outputs that replace them."""
    pairs = {}
    for name in sorted(inputs):
        later = (f"out_{name}", name.replace("past_key_values", "present"), name.replace("past", "present", 1))
        match = next((other for other in later if other != name and other in outputs), None)
        if match is not None:
            pairs[name] = match
    return pairs


def _start(port: Port) -> tuple[int, ...]:
    return tuple((1 if axis == 0 else 0) if size is None else size for axis, size in enumerate(port.shape))
