"""Graphs bound to one stream's memory: `state_x` goes in, `out_state_x` comes out, and nothing is copied.

A frame takes about a millisecond and a graph has up to eighteen states; handing them over one by one in Python would
take a good part of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.files import check_names
from voxduct.onnx.runtime import OrtOptions, open_session

STATE, OUT = "state_", "out_"


class StreamGraph:
    """One graph with one output besides its states; shared by all streams, each with a `BoundGraph` of its own."""

    def __init__(self, path: Path, inputs: tuple[str, ...], output: str, options: OrtOptions | None) -> None:
        """Raises ModelError when the file is missing or is no such graph."""
        self.session = open_session(path, options)
        self.name, self.output = path.name, output
        shapes = {given.name: given.shape for given in self.session.get_inputs()}
        self.states = {name: shape for name, shape in shapes.items() if name.startswith(STATE)}
        check_names(self.session, path, inputs, [output, *(OUT + name for name in self.states)])
        if any(not isinstance(size, int) for shape in self.states.values() for size in shape):
            raise ModelError(f"{path} has states of unknown size; convert the model again")

    def bind(self, feeds: Mapping[str, Buffer], output: Buffer) -> BoundGraph:
        """For a new stream: its states are zeros, and it reads and writes these buffers at every run."""
        return BoundGraph(self, feeds, output)


class Buffer:
    """Memory that graphs read and write, of a shape that stays."""

    def __init__(self, array: npt.NDArray[np.generic]) -> None:
        self.value = ort.OrtValue.ortvalue_from_numpy(array)

    def write(self, array: npt.NDArray[np.generic]) -> None:
        """Must be of the buffer's shape and type, and contiguous."""
        self.value.update_inplace(array)

    def read(self) -> npt.NDArray[np.generic]:
        """A copy."""
        found: npt.NDArray[np.generic] = self.value.numpy()
        return found.copy()


class BoundGraph:
    """One stream's runs of a graph; not for several threads at once.

    States lie in two sets of buffers that take turns, since a graph must not write what it still reads.
    """

    def __init__(self, graph: StreamGraph, feeds: Mapping[str, Buffer], output: Buffer) -> None:
        self._graph = graph
        self._turn = 0
        self._sets = [
            {name: Buffer(np.zeros(shape, np.float32)) for name, shape in graph.states.items()} for _ in range(2)
        ]
        self._held = [*feeds.values(), output]  # ONNX Runtime does not keep a binding's memory alive
        self._bindings = [self._bind(feeds, output, self._sets[turn], self._sets[1 - turn]) for turn in range(2)]

    def run(self) -> None:
        """Raises InferenceError, and leaves the states as they were."""
        try:
            self._graph.session.run_with_iobinding(self._bindings[self._turn])
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InferenceError(f"{self._graph.name} failed: {reason[:200]}") from error
        self._turn = 1 - self._turn

    def states(self) -> dict[str, npt.NDArray[np.generic]]:
        """What is remembered now, by the name of the input; copies."""
        return {name: buffer.read() for name, buffer in self._sets[self._turn].items()}

    def _bind(
        self, feeds: Mapping[str, Buffer], output: Buffer, read: Mapping[str, Buffer], written: Mapping[str, Buffer]
    ) -> ort.IOBinding:
        binding = self._graph.session.io_binding()
        for name, buffer in (*feeds.items(), *read.items()):
            binding.bind_ortvalue_input(name, buffer.value)
        binding.bind_ortvalue_output(self._graph.output, output.value)
        for name, buffer in written.items():
            binding.bind_ortvalue_output(OUT + name, buffer.value)
        return binding
