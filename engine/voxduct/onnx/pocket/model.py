"""The graphs of Pocket TTS together; implements `voxduct.tts.pocket.frames.PocketModel`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tokenizers

from voxduct.audio import Samples
from voxduct.models import Floats
from voxduct.onnx.pocket.graph import Memory, MemoryGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketSizes:
    """What a bundle says."""

    sample_rate: int
    frame_size: int
    latent: int
    conditioning: int


@dataclass(slots=True, eq=False)
class PocketState:
    """What one stream's graph remembers; replaced as a whole by every run."""

    memory: Memory


class OnnxPocket:
    """Shared by all streams."""

    def __init__(
        self,
        tokenizer: tokenizers.Tokenizer,
        conditioner: MemoryGraph,
        main: MemoryGraph,
        flow: MemoryGraph,
        decoder: MemoryGraph,
        sizes: PocketSizes,
    ) -> None:
        """Raises ModelError when a graph is another one."""
        conditioner.check(["token_ids"], 1)
        main.check(["sequence", "text_embeddings"], 2)
        flow.check(["c", "s", "t", "x"], 1)
        decoder.check(["latent"], 1)
        self._tokenizer = tokenizer
        self._conditioner, self._main, self._flow, self._decoder = conditioner, main, flow, decoder
        self.latent_size, self.conditioning_size = sizes.latent, sizes.conditioning
        self.sample_rate, self.frame_size = sizes.sample_rate, sizes.frame_size

    def tokens(self, text: str) -> list[int]:
        """Text to ids."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def text(self, tokens: Sequence[int]) -> Floats:
        """Ids to conditioning, shape [n, conditioning_size]."""
        (found, *_), _ = self._conditioner.run({"token_ids": np.array([tokens], np.int64)}, {})
        conditioning: Floats = found.reshape(-1, self.conditioning_size).astype(np.float32)
        return conditioning

    def new_state(self) -> PocketState:
        """A state that was fed nothing."""
        return PocketState(self._main.start)

    def copy_state(self, state: object) -> PocketState:
        """Costs nothing: arrays are shared until one of the two moves on."""
        return PocketState(_known(state).memory)

    def read(self, conditioning: Floats, state: object) -> None:
        """Feeds a voice or a text, shape [n, conditioning_size]; advances `state`."""
        known = _known(state)
        nothing = np.zeros((1, 0, self.latent_size), np.float32)
        _, known.memory = self._main.run({"sequence": nothing, "text_embeddings": conditioning[None]}, known.memory)

    def step(self, latent: Floats | None, state: object) -> tuple[Floats, float]:
        """Feeds the latent before; at the start that is one that is no number. Advances `state`."""
        known = _known(state)
        before = np.full(self.latent_size, np.nan, np.float32) if latent is None else latent
        nothing = np.zeros((1, 0, self.conditioning_size), np.float32)
        feeds = {"sequence": before[None, None], "text_embeddings": nothing}
        (conditioning, end, *_), known.memory = self._main.run(feeds, known.memory)
        return conditioning.reshape(1, -1).astype(np.float32), float(end.reshape(-1)[0])

    def flow(self, conditioning: Floats, start: float, end: float, x: Floats) -> Floats:
        """Where `x` moves between two times of the flow, per unit of time."""
        times = {"s": np.array([[start]], np.float32), "t": np.array([[end]], np.float32)}
        (found, *_), _ = self._flow.run({"c": conditioning, **times, "x": x[None]}, {})
        direction: Floats = found.reshape(-1).astype(np.float32)
        return direction

    def new_decoder_state(self) -> PocketState:
        """The state of a decoder that has said nothing."""
        return PocketState(self._decoder.start)

    def decode(self, latents: Floats, state: object) -> Samples:
        """Latents of shape [n, latent_size] to samples [n * frame_size]; advances `state`."""
        known = _known(state)
        (sound, *_), known.memory = self._decoder.run({"latent": latents[None]}, known.memory)
        samples: Samples = sound.reshape(-1).astype(np.float32)
        return samples


def _known(state: object) -> PocketState:
    if not isinstance(state, PocketState):
        raise TypeError(f"not a state of this model: {type(state).__name__}")
    return state
