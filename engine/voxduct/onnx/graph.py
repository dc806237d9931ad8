"""A graph to run: its inputs and outputs by name, values as OrtValues so that nothing is copied between runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from voxduct.models import Floats


class Graph:
    """A session with its inputs by name."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.inputs = {given.name: given for given in session.get_inputs()}
        self._outputs = [output.name for output in session.get_outputs()]

    def floats(self, name: str) -> type[np.float16] | type[np.float32]:
        """The type of a floating-point input."""
        return np.float16 if self.inputs[name].type == "tensor(float16)" else np.float32

    def empty(self, name: str, rows: int) -> ort.OrtValue:
        """A cache of no tokens."""
        batch_heads_length_width = self.inputs[name].shape
        heads, width = batch_heads_length_width[1], batch_heads_length_width[3]
        return as_value(np.zeros((rows, heads, 0, width), self.floats(name)))

    def run(self, feeds: dict[str, ort.OrtValue], *, quiet: bool = False) -> dict[str, ort.OrtValue]:
        """All outputs by name; `quiet` keeps a failure out of ONNX Runtime's log."""
        options = ort.RunOptions()
        if quiet:
            options.log_severity_level = 4
        values = self._session.run_with_ort_values(self._outputs, feeds, options)
        return dict(zip(self._outputs, values, strict=True))

    def binding(self, fetches: Sequence[str]) -> Binding:
        """What stays bound from run to run; each run returns the outputs `fetches`."""
        return Binding(self._session, fetches)


class Binding:
    """Inputs and outputs bound to a session; not for several threads at once."""

    def __init__(self, session: ort.InferenceSession, fetches: Sequence[str]) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._fetches = fetches
        self._held: dict[str, ort.OrtValue] = {}  # ONNX Runtime does not keep an array's memory alive
        self._fetch_anew()

    def bind(self, name: str, value: ort.OrtValue, *, output: str | None = None) -> None:
        """An input of all runs from now on, and an output that is written to the same memory."""
        self._held[name] = value
        self._binding.bind_ortvalue_input(name, value)
        if output is not None:
            self._binding.bind_ortvalue_output(output, value)

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> list[npt.NDArray[np.float32]]:
        """Runs with these inputs besides what is bound; the fetched outputs in their order."""
        values = {name: as_value(array) for name, array in feeds.items()}
        for name, value in values.items():
            self._binding.bind_ortvalue_input(name, value)
        self._fetch_anew()
        self._session.run_with_iobinding(self._binding)
        return [value.numpy() for value in self._binding.get_outputs()[: len(self._fetches)]]

    def bind_fetched(self, values: Sequence[ort.OrtValue]) -> None:
        """Where `run_bound` writes the fetched outputs; until the next `run`."""
        for name, value in zip(self._fetches, values, strict=True):
            self._held[name] = value
            self._binding.bind_ortvalue_output(name, value)

    def run_bound(self) -> None:
        """Runs with what is bound, and changes nothing of it."""
        self._session.run_with_iobinding(self._binding)

    def _fetch_anew(self) -> None:
        """Into new memory: what the last run returned is not written to again."""
        for name in self._fetches:
            self._binding.bind_output(name, "cpu")


@dataclass(frozen=True, slots=True, eq=False)
class SingleStep:
    """Arrays that stay bound while tokens are fed one by one: binding anew costs a small model as much as running."""

    feeds: dict[str, npt.NDArray[np.generic]]
    outputs: list[Floats]

    @classmethod
    def bound(
        cls, binding: Binding, feeds: dict[str, npt.NDArray[np.generic]], outputs: Sequence[Floats]
    ) -> SingleStep:
        """Binds copies of what one step was fed and gave."""
        step = cls({name: array.copy() for name, array in feeds.items()}, [array.copy() for array in outputs])
        for name, array in step.feeds.items():
            binding.bind(name, as_value(array))
        binding.bind_fetched([as_value(array) for array in step.outputs])
        return step

    def run(self, binding: Binding, feeds: dict[str, npt.NDArray[np.generic]]) -> list[Floats]:
        """The next step."""
        for name, array in feeds.items():
            self.feeds[name][...] = array
        binding.run_bound()
        return [array.copy() for array in self.outputs]


def as_value(array: npt.NDArray[np.generic]) -> ort.OrtValue:
    """An array as a value to feed."""
    return ort.OrtValue.ortvalue_from_numpy(array)
