"""The graph that makes codes of sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.errors import InferenceError
from voxduct.models import Ints
from voxduct.onnx.codecs.graph import Graph, Port
from voxduct.onnx.codecs.tensors import MAX_RANK, join, num_books
from voxduct.onnx.runtime import OrtOptions

MAX_SOUND_RANK = 3  # [batch, channels, samples]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What one run made."""

    codes: Ints
    """Shape [codes of a frame, frames]."""
    stretches: int
    scales: tuple[float, ...]
    """By how much each stretch was divided; empty where the graph divides by nothing."""


class CodecEncoder:
    """Finds out which inputs and outputs of a graph are what; shared by all streams."""

    def __init__(self, path: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when the file is missing, or is no graph from mono sound to codes."""
        self.graph = graph = Graph(path, options)
        if len(graph.inputs) != 1 or graph.inputs[0].is_codes or not 1 <= len(graph.inputs[0].shape) <= MAX_SOUND_RANK:
            raise graph.refuse("is no encoder: those take sound and nothing else")
        (self._sound,) = graph.inputs
        if any(size not in (None, 1) for size in self._sound.shape[:-1]):
            raise graph.refuse("does not take one recording of one channel")
        self._codes = [port for port in graph.outputs if port.is_codes]
        if not self._codes or any(len(port.shape) > MAX_RANK for port in self._codes):  # 0: the graph does not say
            raise graph.refuse("is no encoder: those give codes")
        self._floats = [port for port in graph.outputs if not port.is_codes]
        self._scales: Port | None = None

    @property
    def num_tensors(self) -> int:
        """How many tensors the codes are in."""
        return len(self._codes)

    @property
    def num_books(self) -> int | None:
        """Books of the only tensor of codes; None where the graph leaves it open."""
        return num_books(self._codes[0])

    @property
    def fixed_samples(self) -> int | None:
        """How many samples a run takes; None: any number."""
        return self._sound.shape[-1]

    def give_scales(self, name: str) -> None:
        """Makes every run give scales as well: the output that is called like this, else the only one of floats.

        Raises:
            ModelError: there is no such output.
        """
        named = [port for port in self._floats if port.name == name] or self._floats
        if len(named) != 1:
            raise self.graph.refuse(f"gives no {name}, which the decoder takes")
        (self._scales,) = named

    def run(self, samples: Samples, rates: tuple[int, ...], memory: object) -> Encoded:
        """Samples of shape [n] to codes; advances `memory`. Raises InferenceError, and leaves `memory` as it was."""
        shape = (1,) * (len(self._sound.shape) - 1) + (-1,)
        feeds = {self._sound.name: np.ascontiguousarray(samples, self._sound.dtype).reshape(shape)}
        wanted = [*self._codes, *([] if self._scales is None else [self._scales])]
        found = self.graph.run(feeds, wanted, memory)
        codes, stretches = join(found[: len(self._codes)], rates)
        scales = tuple(float(one) for one in found[-1].reshape(-1)) if self._scales is not None else ()
        if self._scales is not None and len(scales) != stretches:
            raise InferenceError(f"{self.graph.path.name} gave {len(scales)} scales for {stretches} stretches of sound")
        return Encoded(codes, stretches, scales)
