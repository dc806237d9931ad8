"""What one voice draws of a sentence, step by step, whoever moves on from phone to phone.

Every step draws book k of frame t - delay k (MusicGen's delay pattern).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from voxduct.models import CodeLm, Floats, Ints
from voxduct.tts.config import VoiceConfig
from voxduct.tts.sampling import Rng, SamplingOptions, draw
from voxduct.tts.voices import PrimedVoice, delayed_history


class SteppedCodes(Protocol):
    """Draws the frames of one sentence a step at a time."""

    @property
    def steps(self) -> int:
        """Steps taken so far."""

    def step(self, window: Ints, age: int, end: int | None) -> float:
        """Runs the model for the phone that `window` and `age` say; its logit for moving on.

        `end`: frames of the sentence, once they are known; later ones are not drawn.
        """

    def frame(self) -> Ints | None:
        """The frame that the last step completed, shape [books]; None while there is none."""


class VoiceCodes:
    """One voice's codes. They depend on the phones, the voice and the random numbers alone."""

    def __init__(self, lm: CodeLm, config: VoiceConfig, primed: PrimedVoice, rng: Rng) -> None:
        self._lm = lm
        self._config = config
        self._speaker = primed.voice.speaker
        self._state = lm.copy_state(primed.state)
        self._rng = rng
        self._how = _sampling_per_book(config)
        self._lag = max(config.delays)
        # The last frames before the present one: enough for the delays and for repetition-aware sampling.
        self._kept = max(self._lag + 1, config.sampling.repetition_window + self._lag)
        prompt = primed.voice.prompt_codes[:, -self._kept :]
        self._codes = np.full((len(config.delays), self._kept), config.none_code, np.int64)
        if prompt.shape[1]:
            self._codes[:, -prompt.shape[1] :] = prompt
        self._steps = 0

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._steps

    def step(self, window: Ints, age: int, end: int | None) -> float:
        """As `SteppedCodes.step`."""
        history = delayed_history(self._codes, self._kept, self._config)
        step = self._lm.step(history[None], window[None], np.array([age], np.int64), self._speaker, self._state)
        column = np.full((len(self._how), 1), self._config.none_code, np.int64)
        self._codes = np.concatenate([self._codes[:, -self._kept :], column], axis=1)
        self._draw(step.logits[-1], end)
        self._codes = self._codes[:, -self._kept :]
        self._steps += 1
        return float(step.advance[-1])

    def frame(self) -> Ints | None:
        """As `SteppedCodes.frame`."""
        return self._codes[:, -1 - self._lag].copy() if self._steps > self._lag else None

    def _draw(self, logits: Floats, end: int | None) -> None:
        """Draws what the step says of the sentence's own frames; the prompt's last frames stay as they are."""
        now = self._codes.shape[1] - 1
        for book, delay in enumerate(self._config.delays):
            frame = self._steps - delay
            if frame >= 0 and (end is None or frame < end):
                history = self._codes[book, : now - delay].tolist() if self._how[book].repetition_window else ()
                self._codes[book, now - delay] = draw(logits[book], history, self._how[book], self._rng)


def _sampling_per_book(config: VoiceConfig) -> list[SamplingOptions]:
    """Repetition-aware sampling is for the first book, which carries the sound; the others refine it."""
    made = []
    for book in range(len(config.delays)):
        temperature = config.temperatures[book] if config.temperatures else config.sampling.temperature
        window = config.sampling.repetition_window if book == 0 else 0
        made.append(replace(config.sampling, temperature=temperature, repetition_window=window))
    return made
