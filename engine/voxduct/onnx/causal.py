"""A causal language model over frames whose keys and values lie in buffers that each run writes behind in place.

A state remembers the last `context` steps. Its buffer has room for twice as many at most: when it is full the last ones
are moved to the front. Places in the buffer are what the rotary embedding turns keys and queries by (RoFormer, Su et
al., 2021, section 3.4); only how far two steps are apart matters to attention, so keys that are moved are turned back
by as many places.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxduct.errors import InferenceError
from voxduct.models import Floats
from voxduct.onnx.files import check_names
from voxduct.onnx.graph import Binding, Graph, SingleStep, as_value
from voxduct.onnx.runtime import OrtOptions, Provider, open_session

LENGTHS, TOTAL = "seqlens_k", "total_sequence_length"
ROPE_BASE = 10_000.0
FIRST_ROOM = 128  # steps; a voice's prompt, or one to two seconds
ROOM = 2  # contexts that a buffer holds at most; the graph knows angles for no more
SPARE = 64  # steps that a copied state can take before its buffer grows

Feeds = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class CacheShape:
    """What a model remembers of each step, and of how many steps."""

    layers: int
    heads: int
    head_dim: int
    context: int
    """Steps that a step can see, its own included."""

    def room(self, steps: int) -> int:
        """The size of a buffer for so many steps."""
        room = FIRST_ROOM
        while room < steps:
            room *= 2
        return min(room, ROOM * self.context)

    def buffer(self, room: int) -> Floats:
        """Keys and values of every layer, shape [2, layers, 1, heads, room, head_dim]."""
        return np.zeros((2, self.layers, 1, self.heads, room, self.head_dim), np.float32)


@dataclass(slots=True, eq=False)
class CacheState:
    """What one stream remembers; what is behind the filled part of its buffer is nobody's."""

    buffer: Floats
    filled: int = 0
    binding: Binding | None = None
    step: SingleStep | None = None
    """Since the last single step; None: nothing of a step is bound."""

    @property
    def room(self) -> int:
        """Steps that the buffer can hold."""
        return int(self.buffer.shape[4])


class CausalGraph:
    """Such a model; shared by all streams, each with a `CacheState` of its own.

    It runs on the CPU whatever runs elsewhere: a step is a millisecond of reading weights, less than it takes to start
    the operations on another device.
    """

    def __init__(
        self, path: Path, inputs: Iterable[str], outputs: Iterable[str], shape: CacheShape, options: OrtOptions | None
    ) -> None:
        """`inputs` and `outputs` besides those of the cache. Raises ModelError when the file is missing or wrong."""
        session = open_session(path, replace(options or OrtOptions(), provider=Provider.CPU))
        self._pasts = [f"past_key_values.{layer}.{kind}" for kind in ("key", "value") for layer in range(shape.layers)]
        self._outputs = list(outputs)
        check_names(session, path, [*inputs, LENGTHS, TOTAL, *self._pasts], self._outputs)
        self._path = path
        self._graph = Graph(session)
        self._shape = shape

    def new_state(self) -> object:
        """A state that was fed nothing."""
        return CacheState(self._shape.buffer(FIRST_ROOM))

    def copy_state(self, state: object) -> object:
        """A state that can go on independently; copies what the first one remembers."""
        known = _known(state)
        copy = CacheState(self._shape.buffer(self._shape.room(known.filled + SPARE)), known.filled)
        copy.buffer[..., : known.filled, :] = known.buffer[..., : known.filled, :]
        return copy

    def run(self, feeds: Feeds, fixed: Feeds, state: object) -> list[Floats]:
        """Feeds steps and advances `state`.

        Args:
            feeds: of every step, shape [1, steps, ...].
            fixed: the same for all steps.
            state: what `new_state` or `copy_state` made.

        Returns:
            The outputs in their order, shape [1, steps, ...].

        Raises:
            InferenceError: the graph failed; `state` remembers what it did.
        """
        known, context = _known(state), self._shape.context
        steps = next(iter(feeds.values())).shape[1]
        if steps <= context:
            return self._run(feeds | fixed, steps, known)
        parts = [slice(start, start + context) for start in range(0, steps, context)]
        found = [self.run({name: array[:, part] for name, array in feeds.items()}, fixed, known) for part in parts]
        return [np.concatenate(outputs, axis=1) for outputs in zip(*found, strict=True)]

    def _run(self, feeds: Feeds, steps: int, state: CacheState) -> list[Floats]:
        if state.filled + steps > state.room:
            self._make_room(steps, state)
        end = state.filled + steps
        feeds[LENGTHS], feeds[TOTAL] = np.array([end - 1], np.int32), np.array(end, np.int32)
        try:
            outputs = self._run_bound(feeds, steps, state)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"{self._path.name} failed: {str(error).splitlines()[0][:200]}") from error
        state.filled = end
        return outputs

    def _run_bound(self, feeds: Feeds, steps: int, state: CacheState) -> list[Floats]:
        if state.binding is None:
            state.binding = self._bound(state.buffer)
        if steps == 1 and state.step is not None:
            return state.step.run(state.binding, feeds)
        outputs = state.binding.run(feeds)
        state.step = SingleStep.bound(state.binding, feeds, outputs) if steps == 1 else None
        return outputs

    def _bound(self, buffer: Floats) -> Binding:
        binding = self._graph.binding(self._outputs)
        for name, part in zip(self._pasts, buffer.reshape(-1, *buffer.shape[2:]), strict=True):
            binding.bind(name, as_value(part), output=name.replace("past_key_values", "present"))
        return binding

    def _make_room(self, steps: int, state: CacheState) -> None:
        """A larger buffer, or one in which the last steps lie at the front."""
        needed = state.filled + steps
        gone = 0 if needed <= ROOM * self._shape.context else state.filled - (self._shape.context - 1)
        kept = state.buffer[..., gone : state.filled, :]
        state.buffer = self._shape.buffer(self._shape.room(needed))
        state.buffer[..., : kept.shape[4], :] = kept
        if gone:
            turn_back(state.buffer[0], gone)
        state.filled -= gone
        state.binding = state.step = None


def turn_back(keys: Floats, places: int) -> None:
    """Turns keys of shape [..., head_dim] in place by the angle that so many places make, against the embedding."""
    half = keys.shape[-1] // 2
    angle = places * ROPE_BASE ** (-np.arange(half) / half)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    first, second = keys[..., :half].copy(), keys[..., half:].copy()
    keys[..., :half] = first * cos + second * sin
    keys[..., half:] = second * cos - first * sin


def _known(state: object) -> CacheState:
    if not isinstance(state, CacheState):
        raise TypeError(f"not a state of this model: {type(state).__name__}")
    return state
