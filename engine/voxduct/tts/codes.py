"""Phones to code frames: the generation loop of a codec language model (VALL-E family) with a phone pointer.

Every step draws book k of frame t - delay k (MusicGen's delay pattern). The pointer decides when the sentence is
over; then the delayed books are drawn to their end and nothing more. The number of frames lies between the sum of
the phones' shortest and the sum of their longest durations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from voxduct.models import CodeLm, Floats, Ints
from voxduct.tts.config import VoiceConfig
from voxduct.tts.pointer import PhonePointer
from voxduct.tts.sampling import Rng, SamplingOptions, draw, draw_thresholds
from voxduct.tts.voices import PrimedVoice, delayed_history


class CodeStream:
    """The code frames of one sentence. Results depend on the phones, the voice and the random numbers alone."""

    def __init__(self, lm: CodeLm, config: VoiceConfig, primed: PrimedVoice, phones: Sequence[int], rng: Rng) -> None:
        """`phones`: ids, at least one."""
        self._lm = lm
        self._config = config
        self._speaker = primed.voice.speaker
        self._state = lm.copy_state(primed.state)
        self._rng = rng
        thresholds = draw_thresholds(len(phones), config.advance_threshold, config.advance_spread, rng)
        self._pointer = PhonePointer(phones, config.durations, thresholds)
        self._how = _sampling_per_book(config)
        self._lag = max(config.delays)
        # The last frames before the present one: enough for the delays and for repetition-aware sampling.
        self._kept = max(self._lag + 1, config.sampling.repetition_window + self._lag)
        prompt = primed.voice.prompt_codes[:, -self._kept :]
        self._codes = np.full((len(config.delays), self._kept), config.none_code, np.int64)
        if prompt.shape[1]:
            self._codes[:, -prompt.shape[1] :] = prompt
        self._step = 0
        self._end: int | None = None
        self.places: list[int] = []
        """Of every frame begun so far, the place of its phone: for word times."""

    @property
    def done(self) -> bool:
        """All frames have been drawn."""
        return self._end is not None and self._step >= self._end + self._lag

    def next_frame(self) -> Ints | None:
        """The next code frame, shape [books]; None when the sentence is over. Runs the model."""
        while not self.done:
            frame = self._advance()
            if frame is not None:
                return frame
        return None

    def _advance(self) -> Ints | None:
        """One step; returns the frame that it completed, if it did."""
        pointer, now = self._pointer, self._codes.shape[1]
        step = self._lm.step(
            delayed_history(self._codes, now, self._config)[None],
            pointer.window[None],
            np.array([pointer.age], np.int64),
            self._speaker,
            self._state,
        )
        self._codes = np.concatenate(
            [self._codes, np.full((len(self._how), 1), self._config.none_code, np.int64)], axis=1
        )
        self._draw(step.logits[-1], now)
        self._step += 1
        if self._end is None:  # the pointer rests while the delayed books are drawn to their end
            self.places.append(pointer.place)
            if pointer.step(float(step.advance[-1])):
                self._end = self._step
        complete = self._codes[:, now - self._lag].copy() if self._step > self._lag else None
        self._codes = self._codes[:, -self._kept :]
        return complete

    def _draw(self, logits: Floats, now: int) -> None:
        """Draws what the step says of the sentence's own frames; the prompt's last frames stay as they are."""
        for book, delay in enumerate(self._config.delays):
            frame = self._step - delay
            if frame >= 0 and (self._end is None or frame < self._end):
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
