"""Latent vectors, one after the other, and the sound of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from voxduct.audio import Samples
from voxduct.models import Floats
from voxduct.tts.sampling import Rng
from voxduct.tts.sentence import Frame

logger = logging.getLogger(__name__)
TOKENS_PER_S, SPARE_S = 3.0, 2.0  # speech is cut off after so long: what the makers' package estimates


class PocketModel(Protocol):
    """A language model over latents, the flow that draws them, and the decoder that makes sound of them."""

    latent_size: int
    conditioning_size: int
    sample_rate: int
    frame_size: int

    def tokens(self, text: str) -> list[int]:
        """Text to ids."""

    def text(self, tokens: Sequence[int]) -> Floats:
        """Ids to conditioning, shape [n, conditioning_size]."""

    def new_state(self) -> object:
        """A state that was fed nothing."""

    def copy_state(self, state: object) -> object:
        """A state that can go on independently."""

    def read(self, conditioning: Floats, state: object) -> None:
        """Feeds a voice or a text, shape [n, conditioning_size]; advances `state`."""

    def step(self, latent: Floats | None, state: object) -> tuple[Floats, float]:
        """Feeds the latent before, shape [latent_size], None at the start: what to draw from, and the logit of an end.

        Advances `state`.
        """

    def flow(self, conditioning: Floats, start: float, end: float, x: Floats) -> Floats:
        """Where `x`, shape [latent_size], moves between two times of the flow, per unit of time."""

    def new_decoder_state(self) -> object:
        """The state of a decoder that has said nothing."""

    def decode(self, latents: Floats, state: object) -> Samples:
        """Latents of shape [n, latent_size] to samples [n * frame_size]; advances `state`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSampling:
    """How latents are drawn; defaults of kyutai-labs/pocket-tts."""

    temperature: float = 0.7
    """Variance of the noise that a latent begins as."""
    steps: int = 1
    """Into which the flow is cut."""
    end_logit: float = -4.0
    """Speech ends where the model's logit is greater."""


class LatentFrames:
    """The latents of one piece of text. They depend on the text, the voice and the random numbers alone."""

    places: Sequence[int] = ()
    """There are no phones."""

    def __init__(
        self, model: PocketModel, state: object, tokens: Sequence[int], after_end: int, how: FlowSampling, rng: Rng
    ) -> None:
        """`state` has heard the voice and is this piece's own; `after_end` frames follow the one that ends speech."""
        self._model = model
        self._state = state
        self._tokens = tokens
        self._how = how
        self._rng = rng
        self._after_end = after_end
        self._left: int | None = None
        self._most = int(np.ceil((len(tokens) / TOKENS_PER_S + SPARE_S) * model.sample_rate / model.frame_size))
        self._count = 0
        self._latent: Floats | None = None
        self.done = False
        """All frames have been drawn."""

    def next_frame(self) -> Floats | None:
        """The next latent, shape [latent_size]; None when the piece is over. Runs the model."""
        if self.done:
            return None
        if not self._count:
            self._model.read(self._model.text(self._tokens), self._state)
        conditioning, end = self._model.step(self._latent, self._state)
        if self._is_over(end):
            self.done = True
            return None
        self._latent = self._draw(conditioning)
        self._count += 1
        return self._latent

    def _is_over(self, end: float) -> bool:
        if self._left is None and end > self._how.end_logit:
            self._left = self._after_end
        elif self._left is not None:
            self._left -= 1
        if self._left is None and self._count >= self._most:
            logger.warning("a piece of text was cut off after %d frames, which should be more than enough", self._count)
            return True
        return self._left is not None and self._left <= 0

    def _draw(self, conditioning: Floats) -> Floats:
        """Noise moved along the flow (Lagrangian self-distillation: few steps are enough)."""
        how = self._how
        noise = self._rng.standard_normal(self._model.latent_size) * np.sqrt(how.temperature)
        x: Floats = noise.astype(np.float32)
        for step in range(how.steps):
            start, end = step / how.steps, (step + 1) / how.steps
            x = x + self._model.flow(conditioning, start, end, x) * np.float32(end - start)
        return x


class LatentSound:
    """Implements `FrameSound` on the decoder, which remembers what it said."""

    def __init__(self, model: PocketModel) -> None:
        self._model = model
        self._state = model.new_decoder_state()

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._model.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""
        return self._model.frame_size

    def feed(self, frames: Frame) -> Samples:
        """Latents of shape [latent_size, n] to as many frames of samples."""
        return self._model.decode(np.ascontiguousarray(frames.T), self._state)

    def flush(self) -> Samples:
        """Nothing is left."""
        return np.zeros(0, np.float32)
