"""The graph that makes sound of codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.errors import InferenceError
from voxduct.models import Ints
from voxduct.onnx.codecs.graph import Array, Graph
from voxduct.onnx.codecs.tensors import MAX_RANK, num_books, split
from voxduct.onnx.runtime import OrtOptions


class CodecDecoder:
    """Finds out which inputs and outputs of a graph are what; shared by all streams."""

    def __init__(self, path: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when the file is missing, or is no graph from codes to mono sound."""
        self.graph = graph = Graph(path, options)
        self._codes = [port for port in graph.inputs if port.is_codes]
        scales = [port for port in graph.inputs if not port.is_codes]
        if not self._codes or any(not 1 <= len(port.shape) <= MAX_RANK for port in self._codes) or len(scales) > 1:
            raise graph.refuse("is no decoder: those take codes, at most one tensor of scales, and nothing else")
        if len(graph.outputs) != 1 or graph.outputs[0].is_codes:
            raise graph.refuse("is no decoder: those give sound and nothing else")
        self._scales = scales[0] if scales else None
        (self._sound,) = graph.outputs

    @property
    def num_tensors(self) -> int:
        """How many tensors the codes are in."""
        return len(self._codes)

    @property
    def num_books(self) -> int | None:
        """Books of the only tensor of codes; None where the graph leaves it open."""
        return num_books(self._codes[0])

    @property
    def scales(self) -> str | None:
        """The input that takes scales; None: there is none."""
        return None if self._scales is None else self._scales.name

    def fixed_frames(self, rates: tuple[int, ...]) -> int | None:
        """How many frames a run takes; None: any number."""
        codes = self._codes[0].shape[-1]
        if codes is None:
            return None
        return codes // (rates[0] if len(self._codes) > 1 else 1)

    def run(
        self, codes: Ints, rates: tuple[int, ...], memory: object, stretches: int = 1, scales: tuple[float, ...] = ()
    ) -> Samples:
        """Codes of shape [codes of a frame, frames] to samples [n]; advances `memory`.

        Raises:
            InferenceError: the graph failed, or takes no such stretches; `memory` is as it was.
        """
        if stretches > 1 and len(self._codes[0].shape) != MAX_RANK:
            raise InferenceError(f"{self.graph.path.name} takes no codes in {stretches} stretches")
        arrays = split(codes, stretches, self._codes, rates)
        feeds = {port.name: array for port, array in zip(self._codes, arrays, strict=True)}
        if self._scales is not None:
            feeds[self._scales.name] = self._shaped(scales)
        (sound,) = self.graph.run(feeds, [self._sound], memory)
        if sound.size != sound.shape[-1]:
            raise InferenceError(f"{self.graph.path.name} gave sound of shape {sound.shape}; only mono is understood")
        return np.ascontiguousarray(sound.reshape(-1), np.float32)

    def _shaped(self, scales: tuple[float, ...]) -> Array:
        """As [stretches], [stretches, batch] or [stretches, batch, 1]."""
        assert self._scales is not None
        shape = (-1,) + (1,) * (len(self._scales.shape) - 1) if self._scales.shape else ()
        return np.array(scales, self._scales.dtype).reshape(shape)
