"""Phones to code frames: the generation loop of a codec language model (VALL-E family) with a phone pointer.

The pointer decides when the sentence is over; then the delayed books are drawn to their end and nothing more. The
number of frames lies between the sum of the phones' shortest and the sum of their longest durations.
"""

from __future__ import annotations

from collections.abc import Sequence

from voxduct.models import Ints
from voxduct.tts.config import VoiceConfig
from voxduct.tts.pointer import PhonePointer
from voxduct.tts.sampling import Rng, draw_thresholds
from voxduct.tts.voice_codes import SteppedCodes


class CodeStream:
    """The code frames of one sentence."""

    def __init__(self, drawn: SteppedCodes, config: VoiceConfig, phones: Sequence[int], rng: Rng) -> None:
        """`phones`: ids, at least one. `rng` is for their lengths."""
        self._drawn = drawn
        thresholds = draw_thresholds(len(phones), config.advance_threshold, config.advance_spread, rng)
        self._pointer = PhonePointer(phones, config.durations, thresholds)
        self._lag = max(config.delays)
        self._end: int | None = None
        self.places: list[int] = []
        """Of every frame begun so far, the place of its phone: for word times."""

    @property
    def done(self) -> bool:
        """All frames have been drawn."""
        return self._end is not None and self._drawn.steps >= self._end + self._lag

    def next_frame(self) -> Ints | None:
        """The next code frame, shape [books]; None when the sentence is over. Runs the model."""
        while not self.done:
            self._advance()
            if (frame := self._drawn.frame()) is not None:
                return frame
        return None

    def _advance(self) -> None:
        pointer = self._pointer
        advance = self._drawn.step(pointer.window, pointer.age, self._end)
        if self._end is None:  # the pointer rests while the delayed books are drawn to their end
            self.places.append(pointer.place)
            if pointer.step(advance):
                self._end = self._drawn.steps
