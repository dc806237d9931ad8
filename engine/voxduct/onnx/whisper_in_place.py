"""The decoder of a prepared model (see `prepare.decoder_graph`): its cache lies in buffers and is written in place.

A buffer has room for more tokens than were fed; the decoder writes each run's keys and values behind those that are
there. Nothing is copied until the room is used up, when the buffers are doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from voxduct.models import BatchStep, Floats, Ints
from voxduct.onnx.graph import Binding, Graph, SingleStep, as_value
from voxduct.onnx.whisper_encoding import ATTENTION, Encoding, checked

LENGTHS = "total_sequence_length"
"""The input by which such a decoder is known."""
FIRST_ROOM = 64  # tokens; a prompt and what is said in some ten seconds
PAST_OWN, PAST_CROSS = ".decoder.", ".encoder."


@dataclass(slots=True, eq=False)
class InPlaceState:
    """Buffers over one encoding, or one per row; rows over the same encoding share its keys and values."""

    encodings: tuple[Encoding, ...]
    """Of each row."""
    binding: Binding
    buffers: dict[str, Floats] = field(default_factory=dict)
    """The decoder's own keys and values by `past_key_values.*`, shape [rows or more, heads, room, width]."""
    room: int = 0
    position: int = 0
    """Tokens fed so far."""
    step: SingleStep | None = None
    """Since the last single token; None: nothing of a step is bound."""

    @property
    def windows(self) -> tuple[Encoding, ...]:
        """One where all rows are hypotheses about it, else that of each row."""
        first = self.encodings[0]
        return (first,) if all(encoding is first for encoding in self.encodings) else self.encodings


class InPlaceDecoder:
    """Runs such a graph; remembers nothing itself."""

    def __init__(self, graph: Graph, first_room: int = FIRST_ROOM) -> None:
        self._graph = graph
        self._first_room = first_room
        self._own = [name for name in graph.inputs if PAST_OWN in name]
        self._cross = [name for name in graph.inputs if PAST_CROSS in name]

    def new_state(self, encodings: Sequence[Encoding]) -> InPlaceState:
        """Empty buffers, a row for each encoding."""
        state = InPlaceState(tuple(encodings), self._graph.binding(("logits", ATTENTION)))
        self._bind_cross(state)
        return state

    def decode(self, tokens: Ints, state: object) -> BatchStep:
        """Feeds tokens of shape [rows, n] at once, whether they are the first or not."""
        state = checked(state, InPlaceState)
        rows, count = tokens.shape
        end = state.position + count
        if end > state.room:
            self._make_room(state, end)
        feeds: dict[str, npt.NDArray[np.generic]] = {
            "input_ids": np.ascontiguousarray(tokens),
            "positions": np.arange(state.position, end),
            "seqlens_k": np.full(rows, end - 1, np.int32),
            LENGTHS: np.array(end, np.int32),
        }
        logits, looks = self._run(feeds, count, state)
        state.position = end
        return BatchStep(logits, self._by_row(looks, rows, count, state))

    def _run(self, feeds: dict[str, npt.NDArray[np.generic]], count: int, state: InPlaceState) -> list[Floats]:
        if count == 1 and state.step is not None:
            return state.step.run(state.binding, feeds)
        outputs = state.binding.run(feeds)
        state.step = SingleStep.bound(state.binding, feeds, outputs) if count == 1 else None
        return outputs

    def rewind(self, tokens: int, state: object) -> None:
        """Forgets all but the first `tokens` tokens: what is behind them will be written over."""
        checked(state, InPlaceState).position = tokens

    def select(self, rows: Sequence[int], state: object) -> None:
        """Makes these the rows of `state`; only what is filled of the buffers is moved."""
        state = checked(state, InPlaceState)
        if list(rows) == list(range(len(state.encodings))):
            return
        windows, count = state.windows, len(state.encodings)
        state.encodings = tuple(state.encodings[row] for row in rows)
        filled = {name: buffer[np.asarray(rows), :, : state.position] for name, buffer in state.buffers.items()}
        if any(len(buffer) < len(rows) for buffer in state.buffers.values()):
            self._allocate(state, state.room)
        for name, part in filled.items():
            state.buffers[name][: len(rows), :, : state.position] = part
        if len(rows) != count:
            self._bind_own(state)
        if state.windows != windows:
            self._bind_cross(state)

    def _make_room(self, state: InPlaceState, needed: int) -> None:
        room = max(state.room, self._first_room)
        while room < needed:
            room *= 2
        rows = len(state.encodings)
        filled = {name: buffer[:rows, :, : state.position] for name, buffer in state.buffers.items()}
        self._allocate(state, room)
        for name, part in filled.items():
            state.buffers[name][:, :, : state.position] = part
        self._bind_own(state)

    def _allocate(self, state: InPlaceState, room: int) -> None:
        """New buffers, a row for each encoding."""
        for name in self._own:
            _, heads, _, width = self._graph.inputs[name].shape
            state.buffers[name] = np.zeros((len(state.encodings), heads, room, width), self._graph.floats(name))
        state.room = room

    def _bind_own(self, state: InPlaceState) -> None:
        """The rows that are used of the buffers, each as past and as present."""
        for name, buffer in state.buffers.items():
            rows = as_value(buffer[: len(state.encodings)])
            state.binding.bind(name, rows, output=name.replace("past_key_values", "present", 1))
        state.step = None

    def _bind_cross(self, state: InPlaceState) -> None:
        windows = state.windows
        for name in self._cross:
            made = [window.outputs[cross_output(name)] for window in windows]
            whole = made[0] if len(made) == 1 else as_value(np.concatenate([value.numpy() for value in made]))
            state.binding.bind(name, whole)
        state.step = None

    def _by_row(self, looks: Floats, rows: int, count: int, state: InPlaceState) -> Floats:
        """[windows, heads, rows of a window * tokens, frames] as [rows, heads, tokens, frames], padding cut off."""
        windows, heads, _, frames = looks.shape
        apart = looks.reshape(windows, heads, rows // windows, count, frames).swapaxes(1, 2)
        kept = max(encoding.frames for encoding in state.encodings)
        return apart.reshape(rows, heads, count, frames)[..., :kept]


def cross_output(past: str) -> str:
    """The encoder's output that is the decoder's input `past_key_values.N.encoder.key` or `.value`."""
    _, layer, _, kind = past.split(".")
    return f"cross.{layer}.{kind}"
