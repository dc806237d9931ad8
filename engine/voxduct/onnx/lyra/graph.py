"""Graphs bound to one stream's memory: `state_x` goes in, `out_state_x` comes out, and nothing is copied.

A frame takes less than a millisecond and a graph has fourteen states; handing them over one by one in Python would take
a good part of that. Several frames in one run take half the time or less, since every weight is read once for all of
them. ONNX Runtime's convolutions in blocks of channels give the same to the bit as one frame after the other; where
it has none for a processor, products of matrices stand in for them, which may round otherwise for another length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats
from voxduct.onnx.files import check_names
from voxduct.onnx.runtime import OrtOptions, open_session

STATE, OUT = "state_", "out_"
MAX_FRAMES = 25
"""Of one run, where so many come at once."""
TRIED = (2, MAX_FRAMES)
"""Frames of the runs that are compared with frames one by one when a graph is opened."""
TIME = 1
"""Axis of what is given and made."""
STATE_TIME = 2
"""Axis of states [1, 1, moments, channels]."""


class StreamGraph:
    """One graph with one output besides its states; shared by all streams, each with a `BoundGraph` of its own.

    `out_state_x` begins with `state_x`, and its last moments are the state that comes next.
    """

    def __init__(self, path: Path, given: str, made: str, frame: int, options: OrtOptions | None) -> None:
        """`frame`: how long one frame of what is given is.

        Raises:
            ModelError: the file is missing, or is no such graph.
        """
        self.session = open_session(path, options)
        self.name, self.given, self.made = path.name, given, made
        shapes = {value.name: tuple(value.shape) for value in self.session.get_inputs()}
        self.states = {name: shape for name, shape in shapes.items() if name.startswith(STATE)}
        check_names(self.session, path, [given], [made, *(OUT + name for name in self.states)])
        self.frames = {given: _resized(shapes[given], TIME, frame)}
        """Shapes of one frame of everything: what is given, what is made, and by how much states come out longer."""
        self.max_frames = MAX_FRAMES
        """Of one run; 1 where several would not give what one after the other gives."""
        try:
            self.frames |= self._try()
            self.max_frames = MAX_FRAMES if self._is_exact() else 1
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise ModelError(f"{path} does not run ({_first_line(error)}); convert the model again") from error

    def _try(self) -> dict[str, tuple[int, ...]]:
        """What comes out of one frame."""
        zeros = {name: np.zeros(shape, np.float32) for name, shape in {**self.states, **self.frames}.items()}
        names = [self.made, *(OUT + name for name in self.states)]
        found = {name: array.shape for name, array in zip(names, self.session.run(names, zeros), strict=True)}
        for name, shape in self.states.items():
            longer = found[OUT + name][STATE_TIME] - shape[STATE_TIME]
            if _resized(found[OUT + name], STATE_TIME, 0) != _resized(shape, STATE_TIME, 0) or longer <= 0:
                raise ValueError(f"{name} of shape {shape} comes out as {found[OUT + name]}")
            found[OUT + name] = _resized(shape, STATE_TIME, longer)
        return found

    def _is_exact(self) -> bool:
        """Whether several frames in a run give to the bit what one after the other gives."""
        one_by_one, together, random = self.bind(), self.bind(), np.random.default_rng(0)
        shape = self.frames[self.given]
        for count in TRIED:
            given = random.normal(0, 0.1, _resized(shape, TIME, count * shape[TIME])).astype(np.float32)
            made = [one_by_one.run(frame).copy() for frame in np.split(given, count, axis=TIME)]
            if not np.array_equal(together.run(given), np.concatenate(made, axis=TIME)):
                return False
        return True

    def bind(self) -> BoundGraph:
        """For a new stream: its states are zeros."""
        return BoundGraph(self)


class BoundGraph:
    """One stream's runs of a graph; not for several threads at once.

    States lie in two sets of arrays that take turns, since a graph must not write what it still reads. Runs of few
    frames write the ends of them, so that the next run finds its states in the same place.
    """

    def __init__(self, graph: StreamGraph) -> None:
        self._graph = graph
        self._given, self._made = (self._zeros(name, TIME) for name in (graph.given, graph.made))
        self._turn = 0
        self._written = [
            {name: self._zeros(OUT + name, STATE_TIME, shape[STATE_TIME]) for name, shape in graph.states.items()}
            for _ in range(2)
        ]
        self._bindings: dict[tuple[int, int], ort.IOBinding] = {}
        """By turn and number of frames, as they are asked for."""

    def run(self, given: Floats) -> Floats:
        """1 to `max_frames` frames, one after the other along time, to what is made of them, until the next run.

        Raises:
            InferenceError: the graph failed; the states are as they were.
        """
        frames = given.shape[TIME] // self._graph.frames[self._graph.given][TIME]
        self._given[:, : given.shape[TIME]] = given
        binding = self._bindings.get((self._turn, frames)) or self._bind(self._turn, frames)
        try:
            self._graph.session.run_with_iobinding(binding)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"{self._graph.name} failed: {_first_line(error)}") from error
        self._turn = 1 - self._turn
        return self._made[:, : frames * self._graph.frames[self._graph.made][TIME]]

    def states(self) -> dict[str, Floats]:
        """What is remembered now, by the name of the input; copies."""
        return {name: array.copy() for name, array in self._read(self._turn).items()}

    def _zeros(self, name: str, axis: int, more: int = 0) -> Floats:
        shape = self._graph.frames[name]
        return np.zeros(_resized(shape, axis, more + self._graph.max_frames * shape[axis]), np.float32)

    def _read(self, turn: int) -> dict[str, Floats]:
        """The ends of what the other turn wrote."""
        states = self._graph.states
        return {name: _end(array, states[name][STATE_TIME]) for name, array in self._written[1 - turn].items()}

    def _write(self, turn: int, frames: int) -> dict[str, Floats]:
        """Where so many frames' states go."""
        found = {}
        for name, array in self._written[turn].items():
            longer = frames * self._graph.frames[OUT + name][STATE_TIME]
            found[OUT + name] = _end(array, self._graph.states[name][STATE_TIME] + longer)
        return found

    def _bind(self, turn: int, frames: int) -> ort.IOBinding:
        graph, binding = self._graph, self._graph.session.io_binding()
        given, made = (
            array[:, : frames * graph.frames[name][TIME]]
            for name, array in ((graph.given, self._given), (graph.made, self._made))
        )
        _bind_all(binding.bind_input, {graph.given: given, **self._read(turn)})
        _bind_all(binding.bind_output, {graph.made: made, **self._write(turn, frames)})
        self._bindings[turn, frames] = binding
        return binding


def _bind_all(bind: Callable[..., None], arrays: Mapping[str, Floats]) -> None:
    """Arrays without gaps: cut along time, before which every axis has length 1."""
    for name, array in arrays.items():
        bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def _end(array: Floats, moments: int) -> Floats:
    return array[:, :, array.shape[STATE_TIME] - moments :]


def _resized(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
