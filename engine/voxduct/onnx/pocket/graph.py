"""A graph whose memories are inputs and outputs, as a bundle lists them.

An entry of the list: {"input_name": "state_0", "output_name": "out_state_0", "shape": [...], "dtype": "float32",
"fill": "nan" | "zeros" | "ones" | "empty"}. A bundle without a list: an input is a memory where there is an output with
its name after `out_`, and begins as zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.runtime import OrtOptions, open_session

Array = npt.NDArray[Any]
Memory = Mapping[str, Array]
"""By input; never written to, so that copies may share arrays."""
_FILLS = {"nan": np.nan, "zeros": 0, "ones": 1, "empty": 0}
_TYPES = {"float32": np.float32, "float16": np.float16, "int64": np.int64, "int32": np.int32, "bool": np.bool_}


class MemoryGraph:
    """Shared by all streams, each with a memory of its own."""

    def __init__(self, path: Path, states: Sequence[Mapping[str, Any]] | None, options: OrtOptions | None) -> None:
        """Raises ModelError when the file is missing, or is no graph with these states."""
        self._session = open_session(path, options)
        self.path = path
        inputs = {given.name: given for given in self._session.get_inputs()}
        outputs = [found.name for found in self._session.get_outputs()]
        if states is None:
            states = [_by_name(given) for given in inputs.values() if f"out_{given.name}" in outputs]
        try:
            self._pairs = {str(one["input_name"]): str(one["output_name"]) for one in states}
            self.start: Memory = {str(one["input_name"]): _filled(one) for one in states}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the states of {path.name} are listed in another way: {error!r}") from error
        if missing := sorted((set(self._pairs) - set(inputs)) | (set(self._pairs.values()) - set(outputs))):
            raise ModelError(f"{path} has no {', '.join(missing)}, which bundle.json lists")
        self.inputs = tuple(name for name in inputs if name not in self._pairs)
        """All but states."""
        self.outputs = tuple(name for name in outputs if name not in self._pairs.values())
        """All but states."""

    def run(self, feeds: Mapping[str, Array], memory: Memory) -> tuple[list[Array], Memory]:
        """All outputs but states, and the memory after. Raises InferenceError."""
        try:
            found = self._session.run([*self.outputs, *self._pairs.values()], {**feeds, **memory})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InferenceError(f"{self.path.name} failed: {reason[:200]}") from error
        size = len(self.outputs)
        return list(found[:size]), dict(zip(self._pairs, found[size:], strict=True))

    def check(self, inputs: Sequence[str], outputs: int) -> None:
        """Raises ModelError unless there are these inputs besides states, and so many outputs at least."""
        if sorted(self.inputs) != sorted(inputs) or len(self.outputs) < outputs:
            raise ModelError(
                f"{self.path} takes {', '.join(self.inputs)} and gives {', '.join(self.outputs)} besides its states; "
                f"a graph of Pocket TTS takes {', '.join(inputs)}"
            )


def _by_name(given: Any) -> dict[str, Any]:
    kind = str(given.type).removeprefix("tensor(").removesuffix(")").replace("float", "float32").replace("3232", "32")
    kind = {"float3216": "float16"}.get(kind, kind)
    shape = [size if isinstance(size, int) else (1 if axis == 0 else 0) for axis, size in enumerate(given.shape)]
    return {
        "input_name": given.name, "output_name": f"out_{given.name}", "shape": shape, "dtype": kind, "fill": "zeros",
    }  # fmt: skip


def _filled(entry: Mapping[str, Any]) -> Array:
    return np.full([int(size) for size in entry["shape"]], _FILLS[entry["fill"]], _TYPES[entry["dtype"]])
