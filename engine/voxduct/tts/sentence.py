"""One sentence being spoken: phones, code frames, samples. Everything here runs inside jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.audio import Samples
from voxduct.events import SpeechWord
from voxduct.models import Codec, Ints
from voxduct.tts.codes import CodeStream
from voxduct.tts.loudness import limited
from voxduct.tts.phonemes import SpokenWord
from voxduct.tts.silence import LeadingSilence
from voxduct.tts.word_times import WordTimes, shifted


@dataclass(frozen=True, slots=True, eq=False)
class SpokenPiece:
    """What one job made."""

    samples: Samples
    last: bool
    """The sentence is over."""
    words: tuple[SpeechWord, ...] = ()
    """Those that end in these samples. Positions count from their first; a word may begin before that."""


@dataclass(frozen=True, slots=True)
class PhonePart:
    """What is spoken from one state: a sentence, or a part of a long one."""

    ids: list[int]
    """Phones."""
    words: tuple[SpokenWord, ...]
    """And which of them belong to which word."""


class SpokenSentence:
    """Draws code frames, decodes them and cuts the leading silence, as much at a time as is asked for."""

    def __init__(self, codes: CodeStream, codec: Codec, words: Sequence[SpokenWord] = ()) -> None:
        self._codes = codes
        self._codec = codec
        self._words = WordTimes(words, codec.frame_size)
        self._size = 0  # samples returned so far
        self._state = codec.new_decoder_state()
        self._silence = LeadingSilence()
        self._last: Ints | None = None

    def speak(self, frames: int) -> SpokenPiece:
        """At least `frames` code frames' worth of samples, fewer only at the sentence's end.

        Silence that is cut does not count, so the first piece always has sound in it.
        """
        made: list[Samples] = []
        wanted = frames * self._codec.frame_size
        while sum(len(samples) for samples in made) < wanted:
            drawn = self._draw(frames)
            made.append(self._decode(drawn))
            if self._codes.done:
                return self._piece([*made, self._flush()], last=True)
        return self._piece(made, last=False)

    def _piece(self, made: list[Samples], *, last: bool) -> SpokenPiece:
        samples, before = np.concatenate(made), self._size
        self._size += len(samples)
        words = self._words.ended(self._codes.places, self._silence.cut, self._size, last=last)
        return SpokenPiece(samples, last, shifted(words, -before))

    def _draw(self, frames: int) -> Ints:
        """Up to `frames` frames, shape [books, n], n at least 1."""
        drawn: list[Ints] = []
        while len(drawn) < frames and (frame := self._codes.next_frame()) is not None:
            drawn.append(frame)
        self._last = drawn[-1]
        return np.stack(drawn, axis=1)

    def _flush(self) -> Samples:
        """The decoder lags one frame behind: the last frame once more brings the sentence's end out."""
        if self._last is None:
            return np.zeros(0, np.float32)
        return self._decode(self._last[:, None])

    def _decode(self, codes: Ints) -> Samples:
        return self._silence.feed(limited(self._codec.decode(codes, self._state)))
