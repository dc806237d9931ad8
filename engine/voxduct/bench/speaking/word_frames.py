"""How many frames the voice gave each word: what its phone pointer says, with no ear in between.

A word without frames was not said, and a pointer that went back says something again; both cannot be while the pointer
works as it should. A word that is longer than LONGEST_S for each of its phones, and MARGIN_S, is one that the voice
could not leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from voxduct.tts.sentence import FrameSound, FrameSource, SpokenSentence
from voxduct.tts.text.phonemes import SpokenWord

LONGEST_S, MARGIN_S = 0.2, 0.2


@dataclass(frozen=True, slots=True)
class WordFrames:
    """One word."""

    text: str
    frames: tuple[int, ...]
    """Of each of its phones."""

    @property
    def total(self) -> int:
        """Frames of the word."""
        return sum(self.frames)

    def too_long(self, frame_s: float) -> bool:
        """Whether it is longer than words are; `frame_s`: seconds of a frame."""
        return self.total * frame_s > LONGEST_S * len(self.frames) + MARGIN_S


@dataclass(slots=True)
class Traced:
    """A form of sentences (`SentenceForm`) that are spoken as always, and whose pointers are read afterwards."""

    _sentences: list[tuple[FrameSource, Sequence[SpokenWord]]] = field(default_factory=list)

    def __call__(
        self, frames: FrameSource, sound: FrameSound, pause: int = 0, words: Sequence[SpokenWord] = ()
    ) -> SpokenSentence:
        """Begins a sentence."""
        self._sentences.append((frames, words))
        return SpokenSentence(frames, sound, pause, words)

    @property
    def words(self) -> tuple[WordFrames, ...]:
        """All words of what was spoken so far, in order."""
        return tuple(word for frames, words in self._sentences for word in word_frames(frames.places, words))

    @property
    def went_back(self) -> bool:
        """Whether a pointer ever went back."""
        return any(after < before for frames, _ in self._sentences for before, after in pairwise(frames.places))


def word_frames(places: Sequence[int], words: Sequence[SpokenWord]) -> list[WordFrames]:
    """Frames of every phone of every word; `places`: of every frame the place of its phone."""
    frames = Counter(places)
    return [WordFrames(word.text, tuple(frames[phone] for phone in range(word.start, word.end))) for word in words]
