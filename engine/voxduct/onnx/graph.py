"""A graph to run: its inputs and outputs by name, values as OrtValues so that nothing is copied between runs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime as ort


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


def as_value(array: npt.NDArray[np.generic]) -> ort.OrtValue:
    """An array as a value to feed."""
    return ort.OrtValue.ortvalue_from_numpy(array)
