"""Graphs bound to one stream's memory: `state_x` goes in, `out_state_x` comes out, and nothing is copied.

A frame takes less than a millisecond and a graph has up to eighteen states; handing them over one by one in Python
would take a good part of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats
from voxduct.onnx.files import check_names
from voxduct.onnx.runtime import OrtOptions, open_session

STATE, OUT = "state_", "out_"


class StreamGraph:
    """One graph with one output besides its states; shared by all streams, each with a `BoundGraph` of its own.

    `out_state_x` may hold more moments than `state_x` [moments, channels]; its last ones are the state then.
    """

    def __init__(self, path: Path, given: str, made: str, options: OrtOptions | None) -> None:
        """Raises ModelError when the file is missing or is no such graph."""
        self.session = open_session(path, options)
        self.name, self.given, self.made = path.name, given, made
        self.inputs = {value.name: value.shape for value in self.session.get_inputs()}
        self.outputs = {value.name: value.shape for value in self.session.get_outputs()}
        self.states = [name for name in self.inputs if name.startswith(STATE)]
        check_names(self.session, path, [given], [made, *(OUT + name for name in self.states)])
        if not all(_fits(self.inputs[name], self.outputs[OUT + name]) for name in self.states):
            raise ModelError(f"{path} has states of unknown or unequal size; convert the model again")

    def bind(self) -> BoundGraph:
        """For a new stream: its states are zeros."""
        return BoundGraph(self)


class BoundGraph:
    """One stream's runs of a graph; not for several threads at once.

    States lie in two sets of arrays that take turns, since a graph must not write what it still reads.
    """

    def __init__(self, graph: StreamGraph) -> None:
        self._graph = graph
        self.given: Floats = np.zeros(graph.inputs[graph.given], np.float32)
        """What the next run reads; to be written in place."""
        self.made: Floats = np.zeros(graph.outputs[graph.made], np.float32)
        """What the last run wrote; the next one overwrites it."""
        self._turn = 0
        self._written = [
            {name: np.zeros(graph.outputs[OUT + name], np.float32) for name in graph.states} for _ in range(2)
        ]
        self._bindings = [self._bind(self._read(turn), self._written[turn]) for turn in range(2)]

    def run(self) -> None:
        """Raises InferenceError, and leaves the states as they were."""
        try:
            self._graph.session.run_with_iobinding(self._bindings[self._turn])
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InferenceError(f"{self._graph.name} failed: {reason[:200]}") from error
        self._turn = 1 - self._turn

    def states(self) -> dict[str, Floats]:
        """What is remembered now, by the name of the input; copies."""
        return {name: array.copy() for name, array in self._read(self._turn).items()}

    def _read(self, turn: int) -> dict[str, Floats]:
        """The ends of what the other turn wrote."""
        written, inputs = self._written[1 - turn], self._graph.inputs
        return {name: array[len(array) - inputs[name][0] :] for name, array in written.items()}

    def _bind(self, read: Mapping[str, Floats], written: Mapping[str, Floats]) -> ort.IOBinding:
        graph, binding = self._graph, self._graph.session.io_binding()
        for name, array in ((graph.given, self.given), *read.items()):
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in ((graph.made, self.made), *((OUT + name, array) for name, array in written.items())):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


def _fits(given: list[int | str], made: list[int | str]) -> bool:
    """Whether what comes out ends with what goes in next."""
    sizes = [size for size in (*given, *made) if isinstance(size, int)]
    if len(sizes) != len(given) + len(made) or len(given) != len(made):
        return False
    return given[1:] == made[1:] and sizes[0] <= sizes[len(given)]
