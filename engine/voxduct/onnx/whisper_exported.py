"""Decoders as exporters write them: merged or split, the cache handed from run to run.

The encoder's keys and values are computed by a decoder's first run over an encoding and kept; the decoder's own cache
goes from run to run as OrtValues; the graph copies it for each token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.errors import ModelError
from voxduct.models import BatchStep, Floats, Ints
from voxduct.onnx.graph import Graph, as_value
from voxduct.onnx.whisper_encoding import ATTENTION, STATES, Encoding, checked


@dataclass(slots=True, eq=False)
class CacheState:
    """A decoder's cache over one encoding, or one per row."""

    encodings: tuple[Encoding, ...]
    """Of each row."""
    cache: dict[str, ort.OrtValue] = field(default_factory=dict)
    """`past_key_values.*` inputs of the next run; empty before the first."""
    position: int = 0
    """Tokens fed so far."""

    @property
    def frames(self) -> int:
        """Encoder frames of the longest row's window, padding left out."""
        return max(encoding.frames for encoding in self.encodings)

    def hidden(self) -> ort.OrtValue:
        """What the encoder said, shape [rows, frames, width]."""
        first = self.encodings[0].outputs[STATES]
        if len(self.encodings) == 1:
            return first
        return as_value(np.concatenate([encoding.outputs[STATES].numpy() for encoding in self.encodings]))


class ExportedDecoder:
    """A merged decoder, or one for the first run and one for those after it."""

    def __init__(self, first: Graph, following: Graph, heads: Sequence[tuple[int, int]], path: Path) -> None:
        """`heads` are the alignment heads where the decoder gives the attention of whole layers; `path` for errors."""
        self._first = first
        self._next = following
        self._heads = heads
        self._path = path

    def new_state(self, encodings: Sequence[Encoding]) -> CacheState:
        """An empty cache, a row for each encoding."""
        return CacheState(tuple(encodings))

    def decode(self, tokens: Ints, state: object) -> BatchStep:
        """Feeds tokens of shape [rows, n]: of the first call at once, of later ones one by one."""
        state = checked(state, CacheState)
        if state.position == 0:
            return self._run(self._first, tokens, state)
        if tokens.shape[1] == 1:
            return self._run(self._next, tokens, state)
        steps = [self._run(self._next, tokens[:, i : i + 1], state) for i in range(tokens.shape[1])]
        attention = [step.attention for step in steps if step.attention is not None]
        return BatchStep(
            np.concatenate([step.logits for step in steps], axis=1),
            np.concatenate(attention, axis=2) if attention else None,
        )

    def rewind(self, tokens: int, state: object) -> None:
        """Forgets all but the first `tokens` tokens; the encoder's keys and values stay."""
        state = checked(state, CacheState)
        for name, value in state.cache.items():
            if ".encoder." not in name:
                state.cache[name] = as_value(np.ascontiguousarray(value.numpy()[:, :, :tokens]))
        state.position = tokens

    def select(self, rows: Sequence[int], state: object) -> None:
        """Makes these the rows of `state`; the encoder's keys and values are moved only where rows change windows."""
        state = checked(state, CacheState)
        encodings = tuple(state.encodings[row] for row in rows)
        if list(rows) == list(range(len(state.encodings))):
            return
        moved = encodings != state.encodings
        for name, value in state.cache.items():
            if moved or ".encoder." not in name:
                state.cache[name] = as_value(np.ascontiguousarray(value.numpy()[np.asarray(rows)]))
        state.encodings = encodings

    def _run(self, graph: Graph, tokens: Ints, state: CacheState) -> BatchStep:
        outputs = graph.run(self._feeds(graph, tokens, state))
        for name, value in outputs.items():
            if name.startswith("present"):
                past = name.replace("present", "past_key_values", 1)
                if state.position == 0 or ".encoder." not in past:  # a merged decoder repeats them empty
                    state.cache[past] = value
        state.position += tokens.shape[1]
        attention = self._attention(outputs)
        return BatchStep(
            outputs["logits"].numpy().astype(np.float32, copy=False),
            None if attention is None else attention[..., : state.frames].astype(np.float32, copy=False),
        )

    def _attention(self, outputs: dict[str, ort.OrtValue]) -> Floats | None:
        """The alignment heads' weights, shape [rows, heads, tokens, frames], from whichever outputs hold them."""
        if ATTENTION in outputs:
            chosen: Floats = outputs[ATTENTION].numpy()
            return chosen
        layers = {int(name.rpartition(".")[2]): name for name in outputs if name.startswith(f"{ATTENTION}.")}
        if not layers:
            return None
        weights = {layer: outputs[name].numpy() for layer, name in layers.items()}
        heads = self._heads or [
            (n, h) for n in range(len(weights) // 2, len(weights)) for h in range(weights[n].shape[1])
        ]
        return np.stack([weights[layer][:, head] for layer, head in heads], axis=1)

    def _feeds(self, graph: Graph, tokens: Ints, state: CacheState) -> dict[str, ort.OrtValue]:
        feeds: dict[str, ort.OrtValue] = {}
        for name in graph.inputs:
            match name:
                case "input_ids":
                    feeds[name] = as_value(np.ascontiguousarray(tokens))
                case "encoder_hidden_states":
                    feeds[name] = state.hidden()
                case "use_cache_branch":
                    feeds[name] = as_value(np.array([state.position > 0]))
                case "cache_position":
                    feeds[name] = as_value(np.arange(state.position, state.position + tokens.shape[1]))
                case _ if name.startswith("past_key_values"):
                    feeds[name] = state.cache.get(name) or graph.empty(name, len(state.encodings))
                case _:
                    raise ModelError(f"{self._path} wants an input {name!r} that no known Whisper has")
        return feeds
