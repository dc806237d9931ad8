"""What sounds next, without regard to who makes it: the first stage of AudioLM."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from voxduct.continuation.options import ContinuationConfig
from voxduct.models import Floats, Ints, SemanticLm
from voxduct.tts.sampling import Rng, SamplingOptions, draw_nucleus

NEVER = np.float32(-1e9)


@dataclass(frozen=True, slots=True, eq=False)
class PrimedTokens:
    """The model after the prompt; copied for every continuation, never advanced."""

    state: object
    logits: Floats
    """Of the first token after the prompt."""


def prime_tokens(lm: SemanticLm, tokens: Ints, config: ContinuationConfig) -> PrimedTokens:
    """Runs the prompt's tokens through the model, in one call."""
    state = lm.new_state()
    heard = np.concatenate([[config.clusters], tokens])[-config.semantic_context :]
    return PrimedTokens(state, lm.step(heard, state)[-1])


class TokenStream:
    """Semantic tokens one by one, drawn by nucleus sampling."""

    def __init__(
        self, lm: SemanticLm, config: ContinuationConfig, primed: PrimedTokens, temperature: float, rng: Rng
    ) -> None:
        self._lm = lm
        self._state = lm.copy_state(primed.state)
        self._logits = primed.logits
        self._silent = np.array(config.silent_tokens, np.int64)
        self._how = SamplingOptions(
            temperature=config.semantic_temperature * temperature,
            top_p=config.semantic_top_p,
            top_k=config.semantic_top_k,
        )
        self._rng = rng

    def next_token(self, *, sounding: bool = False) -> int:
        """The next token; `sounding` leaves out those that mean silence. Runs the model."""
        logits, how = self._logits, self._how
        if sounding:
            logits = logits.copy()
            logits[self._silent] = NEVER
            how = replace(how, temperature=max(how.temperature, 1.0))  # the likeliest sound may be the one that failed
        token = draw_nucleus(logits, how, self._rng)
        self._logits = self._lm.step(np.array([token], np.int64), self._state)[-1]
        return token
