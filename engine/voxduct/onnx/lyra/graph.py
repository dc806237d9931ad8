"""A graph whose states stay where ONNX Runtime keeps them: `state_x` goes in, `out_state_x` comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.files import check_names
from voxduct.onnx.graph import Graph, as_value
from voxduct.onnx.runtime import OrtOptions, open_session

STATE, OUT = "state_", "out_"


class GraphState:
    """What one stream's graph remembers; replaced as a whole by every run."""

    __slots__ = ("values",)

    def __init__(self, values: dict[str, ort.OrtValue]) -> None:
        self.values = values


class StatefulGraph:
    """One graph with one output besides its states; shared by all streams, each with a `GraphState` of its own."""

    def __init__(self, path: Path, inputs: tuple[str, ...], output: str, options: OrtOptions | None) -> None:
        """Raises ModelError when the file is missing or is no such graph."""
        session = open_session(path, options)
        self._path, self._output, self._graph = path, output, Graph(session)
        self._shapes = {name: given.shape for name, given in self._graph.inputs.items() if name.startswith(STATE)}
        check_names(session, path, inputs, [output, *(OUT + name for name in self._shapes)])
        if any(not isinstance(size, int) for shape in self._shapes.values() for size in shape):
            raise ModelError(f"{path} has states of unknown size; convert the model again")

    def new_state(self) -> GraphState:
        """Zeros: a stream that has heard or said nothing."""
        return GraphState({name: as_value(np.zeros(shape, np.float32)) for name, shape in self._shapes.items()})

    def run(self, feeds: dict[str, ort.OrtValue], state: object) -> ort.OrtValue:
        """Advances `state`. Raises InferenceError, and leaves `state` as it was."""
        if not isinstance(state, GraphState) or state.values.keys() != self._shapes.keys():
            raise TypeError(f"not a state of {self._path.name}: {type(state).__name__}")
        try:
            made = self._graph.run({**feeds, **state.values}, quiet=True)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"{self._path.name} failed: {str(error).splitlines()[0][:200]}") from error
        state.values = {name: made[OUT + name] for name in self._shapes}
        return made[self._output]
