"""When a request breathes in, and the sentence that a breath is put before."""

from __future__ import annotations

from collections.abc import Sequence

from voxduct.models import Ints
from voxduct.tts.sentence import Frame, FrameSource

AFTER_S = 2.5  # of speech since the last breath: then there is need of one
LONG_CHARACTERS = 80  # a sentence, or its first clause, for which one breathes in sooner
NO_PHONE = -1  # place of a frame before the first phone


class Breathing:
    """Where a request breathes: between sentences only, so never before its first sound."""

    def __init__(self, sample_rate: int) -> None:
        """`sample_rate` in hertz."""
        self._after = round(AFTER_S * sample_rate)
        self._breathed = 0

    def breathes(self, said: int, text: str) -> bool:
        """Whether a breath comes before `text`, which begins a sentence after `said` samples of the request."""
        if said - self._breathed < self._after and len(text) < LONG_CHARACTERS:
            return False
        self._breathed = said
        return True


class BreathedFrames:
    """A breath's frames, then a sentence's. Implements `FrameSource`.

    The breath is of the sentence's own stretch: the silence that is cut at a sentence's start is cut before the breath,
    what a voice pauses before its first phone lies between breath and words.
    """

    def __init__(self, breath: Ints, sentence: FrameSource) -> None:
        """`breath`: codes of shape [books, n]."""
        self._breath = breath
        self._sentence = sentence
        self._next = 0

    @property
    def places(self) -> Sequence[int]:
        """As `FrameSource.places`; frames of the breath belong to no phone."""
        return [NO_PHONE] * self._breath.shape[1] + list(self._sentence.places)

    @property
    def done(self) -> bool:
        """All frames have been drawn."""
        return self._next == self._breath.shape[1] and self._sentence.done

    def next_frame(self) -> Frame | None:
        """As `FrameSource.next_frame`; a breath's frames run no model."""
        if self._next == self._breath.shape[1]:
            return self._sentence.next_frame()
        frame: Frame = self._breath[:, self._next]
        self._next += 1
        return frame
