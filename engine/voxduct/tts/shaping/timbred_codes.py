"""A voice's codes on their way to another timbre."""

from __future__ import annotations

from voxduct.models import Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.shaping.timbre import Timbre
from voxduct.tts.voice_codes import SteppedCodes


class TimbredCodes:
    """A voice's codes, shifted frame by frame; the model goes on from what it drew itself. A `SteppedCodes`."""

    def __init__(self, drawn: SteppedCodes, timbre: Timbre, vectors: CodeVectors) -> None:
        """`vectors`: those that the timbre was found in."""
        assert vectors.parameters is not None  # or there would be no timbre
        self._drawn = drawn
        self._timbre = timbre
        self._vectors = vectors
        self._says = vectors.parameters

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._drawn.steps

    def step(self, window: Ints, age: int, end: int | None) -> float:
        """As `SteppedCodes.step`."""
        return self._drawn.step(window, age, end)

    def frame(self) -> Ints | None:
        """As `SteppedCodes.frame`."""
        codes = self._drawn.frame()
        if codes is None:
            return None
        return self._vectors.nearest(self._timbre.shifted(self._vectors.vector(codes), self._says))
