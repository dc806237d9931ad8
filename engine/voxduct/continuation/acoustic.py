"""Semantic tokens to code frames in the prompt's voice: the second and third stage of AudioLM in one.

Every step draws book k of frame t - delay k, so that the coarse books of a frame are known when its fine ones are
drawn. A step is told the tokens around its frame, two of them still to come.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from voxduct.continuation.options import ContinuationConfig
from voxduct.models import AcousticLm, Floats, Ints
from voxduct.tts.sampling import Rng, SamplingOptions, draw_nucleus

FRAMES_PER_TOKEN = 2
BEFORE, AHEAD = 1, 2  # tokens that a step is told besides its own


@dataclass(frozen=True, slots=True, eq=False)
class PrimedVoice:
    """The model after that part of the prompt whose tokens to come are known; copied for every continuation."""

    codes: Ints
    """Shape [books, frames]: the prompt's; frame 0 belongs to token 0."""
    tokens: Ints
    """The prompt's, as far as they are trusted."""
    speaker: Floats
    state: object
    steps: int
    """How many frames the state has heard."""


def prime_voice(lm: AcousticLm, codes: Ints, tokens: Ints, config: ContinuationConfig) -> PrimedVoice:
    """Takes the voice from the prompt's codes, and runs them through the model, in one call each."""
    speaker = lm.speaker(codes)
    steps = max(0, min(codes.shape[1], FRAMES_PER_TOKEN * (len(tokens) - AHEAD)))
    steps -= steps % FRAMES_PER_TOKEN
    state = lm.new_state()
    if steps:
        room = (config.acoustic_context - FRAMES_PER_TOKEN) // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN
        places = range(max(0, steps - room), steps)
        history = np.stack([delayed_history(codes, step, config) for step in places])
        windows = np.stack([token_window(tokens, step // FRAMES_PER_TOKEN, config.clusters) for step in places])
        lm.step(history, windows, np.array(places, np.int64) % FRAMES_PER_TOKEN, speaker, state)
    return PrimedVoice(codes, tokens, speaker, state, steps)


class FrameStream:
    """Code frames one by one. Ask for a token whenever `wants_token`, then for a frame."""

    def __init__(
        self, lm: AcousticLm, config: ContinuationConfig, primed: PrimedVoice, temperature: float, rng: Rng
    ) -> None:
        self._lm = lm
        self._config = config
        self._primed = primed
        self._rng = rng
        self._how = [
            SamplingOptions(temperature=own * temperature, top_p=config.acoustic_top_p, top_k=config.acoustic_top_k)
            for own in config.acoustic_temperatures
        ]
        self._lag = max(config.delays)
        self._step = primed.steps
        self._state = lm.copy_state(primed.state)
        # Column -1 is the frame of the step before; what the prompt holds of later frames waits in `known`.
        self._codes = self._before_prompt_end()
        self._known = deque(primed.codes[:, primed.steps :].T)
        first = primed.steps // FRAMES_PER_TOKEN - BEFORE
        padded = np.concatenate([np.full(BEFORE, config.clusters), primed.tokens])
        self._tokens = deque((int(token) for token in padded[first + BEFORE :]), maxlen=None)

    @property
    def wants_token(self) -> bool:
        """The next step needs a token that is not there yet."""
        return len(self._tokens) < BEFORE + 1 + AHEAD

    def feed(self, token: int) -> None:
        """The next semantic token."""
        self._tokens.append(token)

    def restart(self) -> None:
        """Forgets all that was drawn but the last frames: what comes is spoken as if right after the prompt."""
        self._state = self._lm.copy_state(self._primed.state)

    def next_frame(self) -> Ints | None:
        """One step; the frame of shape [books] that it completed, None if that is still the prompt's. Runs the model.

        Raises:
            InferenceError: the graph failed.
        """
        books = len(self._how)
        logits = self._lm.step(
            delayed_history(self._codes, self._codes.shape[1], self._config)[None],
            np.array([list(self._tokens)[: BEFORE + 1 + AHEAD]], np.int64),
            np.array([self._step % FRAMES_PER_TOKEN], np.int64),
            self._primed.speaker,
            self._state,
        )[-1]
        known = self._known.popleft() if self._known else np.full(books, self._config.none_code, np.int64)
        self._codes = np.concatenate([self._codes[:, 1:], known[:, None]], axis=1)
        self._draw(logits)
        self._step += 1
        if self._step % FRAMES_PER_TOKEN == 0:
            self._tokens.popleft()
        if self._step - 1 - self._lag < self._primed.codes.shape[1]:
            return None
        return self._codes[:, -1 - self._lag].copy()

    def _draw(self, logits: Floats) -> None:
        """Draws what is not the prompt's own."""
        for book, delay in enumerate(self._config.delays):
            if self._codes[book, -1 - delay] == self._config.none_code and self._step - delay >= 0:
                self._codes[book, -1 - delay] = draw_nucleus(logits[book], self._how[book], self._rng)

    def _before_prompt_end(self) -> Ints:
        kept = self._lag + 2
        before = self._primed.codes[:, : self._primed.steps]
        codes = np.full((before.shape[0], kept), self._config.none_code, np.int64)
        if before.shape[1]:
            codes[:, -before.shape[1] :] = before[:, -kept:]
        return codes


def delayed_history(codes: Ints, step: int, config: ContinuationConfig) -> Ints:
    """What a step is fed: book k of frame `step - 1 - delay k`, shape [books]."""
    found = np.full(len(config.delays), config.none_code, np.int64)
    for book, delay in enumerate(config.delays):
        if 0 <= step - 1 - delay < codes.shape[1]:
            found[book] = codes[book, step - 1 - delay]
    return found


def token_window(tokens: Ints, place: int, unknown: int) -> Ints:
    """The tokens around `place`, `unknown` where there are none."""
    around = range(place - BEFORE, place + AHEAD + 1)
    return np.array([tokens[at] if 0 <= at < len(tokens) else unknown for at in around], np.int64)
