"""A prompt and a script to code frames: the loop of a language model that writes codes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.errors import InferenceError
from voxduct.models import Floats, Ints, TokenLm
from voxduct.tts.prompted.script import Choice, Given, Script
from voxduct.tts.sampling import Rng, SamplingOptions, draw_nucleus

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenSampling:
    """How tokens are drawn; in the order that transformers' `generate` has: penalty, temperature, top-k, top-p."""

    temperature: float
    """0 takes the likeliest."""
    top_p: float = 1.0
    top_k: int | None = None
    """None: all that may come."""
    repetition_penalty: float = 1.0
    """Logits of tokens that were there before, prompt and all, are divided by it where positive, else multiplied
    (Keskar et al., CTRL, 2019)."""


class TokenFrames:
    """The frames of one sentence. They depend on the prompt, the script and the random numbers alone.

    Tokens that are given, and the last one chosen, wait until the model is next asked, and are fed in one go.
    """

    places: Sequence[int] = ()
    """There are no phones."""

    def __init__(self, lm: TokenLm, prompt: Sequence[int], script: Script, how: TokenSampling, rng: Rng) -> None:
        self._lm = lm
        self._state = lm.new_state()
        self._script = script
        self._how = how
        self._rng = rng
        self._waiting: list[int] = []
        self._seen = np.zeros(lm.vocabulary, bool)
        self.tokens: list[int] = []
        """All so far, the prompt first."""
        self.done = False
        """All frames have been drawn."""
        self._add(prompt)

    def next_frame(self) -> Ints | None:
        """The next code frame; None when the sentence is over. Runs the model.

        Raises:
            InferenceError: the model failed, or the prompt alone is longer than it can take.
        """
        while not self.done:
            match self._script.next():
                case Given(tokens):
                    self._add(tokens)
                case Choice(tokens) if self._fits():
                    token = self._choose(tokens)
                    self._add([token])
                    frame = self._script.take(token)
                    if frame is not None:
                        return frame
                case _:
                    self.done = True
        return None

    def _add(self, tokens: Sequence[int]) -> None:
        self._waiting += tokens
        self.tokens += tokens
        self._seen[np.asarray(tokens, np.int64)] = True

    def _fits(self) -> bool:
        fed = self._lm.position(self._state)
        if fed + len(self._waiting) <= self._lm.context:
            return True
        if not fed:
            raise InferenceError(
                f"a prompt of {len(self._waiting)} tokens is more than the {self._lm.context} that the model takes; "
                "use a voice with a shorter clip"
            )
        logger.warning("a sentence was cut off after %d tokens, which is all that the model takes", fed)
        return False

    def _choose(self, among: Ints) -> int:
        logits = self._lm.step(np.array(self._waiting, np.int64), self._state)[among]
        self._waiting = []
        how = self._how
        if how.repetition_penalty != 1.0:
            logits = _penalised(logits, self._seen[among], how.repetition_penalty)
        options = SamplingOptions(how.temperature, how.top_p, how.top_k or len(among))
        return int(among[draw_nucleus(logits, options, self._rng)])


def _penalised(logits: Floats, seen: np.ndarray, penalty: float) -> Floats:
    lower = np.where(logits < 0, logits * penalty, logits / penalty)
    found: Floats = np.where(seen, lower, logits).astype(np.float32)
    return found
