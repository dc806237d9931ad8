"""One sentence being spoken: phones, code frames, samples. Everything here runs inside jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from voxduct.audio import Samples
from voxduct.coded import CodedSound
from voxduct.events import SpeechWord
from voxduct.loudness import limited
from voxduct.models import Codec, Ints
from voxduct.tts.codes import CodeStream
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


@dataclass(frozen=True, slots=True, eq=False)
class CodedPiece:
    """What one job made, as codes."""

    sounds: tuple[CodedSound, ...]
    last: bool
    """The sentence is over."""
    words: tuple[SpeechWord, ...] = ()
    """As in `SpokenPiece`, in the samples that these codes become."""


class Sentence(Protocol):
    """A sentence being spoken."""

    def speak(self, frames: int) -> SpokenPiece | CodedPiece:
        """At least `frames` code frames' worth of sound, fewer only at the sentence's end; in a job."""


SentenceForm: TypeAlias = Callable[[CodeStream, Codec, int, Sequence[SpokenWord]], Sentence]
"""What becomes of a sentence's code frames: (frames, their codec, samples of silence before it, its words)."""


class SpokenSentence:
    """Draws code frames, decodes them and cuts the leading silence, as much at a time as is asked for."""

    def __init__(self, codes: CodeStream, codec: Codec, pause: int = 0, words: Sequence[SpokenWord] = ()) -> None:
        """`pause`: samples of silence before the sentence; `words`: those it says."""
        self._codes = codes
        self._codec = codec
        self._pause = self._before = pause
        self._words = WordTimes(words, codec.frame_size)
        self._size = 0  # samples returned so far
        self._state = codec.new_decoder_state()
        self._silence = LeadingSilence()

    def speak(self, frames: int) -> SpokenPiece:
        """At least `frames` code frames' worth of samples, fewer only at the sentence's end.

        Silence that is cut does not count, so the first piece always has sound in it.
        """
        made = [np.zeros(self._pause, np.float32)]
        wanted = frames * self._codec.frame_size + self._pause
        self._pause = 0
        while sum(len(samples) for samples in made) < wanted:
            drawn = self._codes.next_frames(frames)
            made.append(self._decode(drawn))
            if self._codes.done:  # the decoder lags one frame behind: the last one once more brings the end out
                return self._piece([*made, self._decode(drawn[:, -1:])], last=True)
        return self._piece(made, last=False)

    def _piece(self, made: list[Samples], *, last: bool) -> SpokenPiece:
        samples, before = np.concatenate(made), self._size
        self._size += len(samples)
        words = self._words.ended(self._codes.places, self._silence.cut - self._before, self._size, last=last)
        return SpokenPiece(samples, last, shifted(words, -before))

    def _decode(self, codes: Ints) -> Samples:
        return self._silence.feed(limited(self._codec.decode(codes, self._state)))


class CodedSentence:
    """Draws code frames and passes them on undecoded, to become the very samples of a `SpokenSentence` elsewhere.

    It decodes only as long as the sentence is silent, to say how much of its start is cut.
    """

    def __init__(self, codes: CodeStream, codec: Codec, pause: int = 0, words: Sequence[SpokenWord] = ()) -> None:
        """`pause`: samples of silence before the sentence; `words`: those it says."""
        self._codes = codes
        self._codec = codec
        self._pause = pause
        self._state = codec.new_decoder_state()
        self._silence = LeadingSilence()
        self._words = WordTimes(words, codec.frame_size)
        self._begun = False
        self._size = 0  # samples that were returned so far as codes

    def speak(self, frames: int) -> CodedPiece:
        """As `SpokenSentence.speak`, in the same pieces."""
        made: list[Ints] = []
        while self._kept(made) < frames * self._codec.frame_size:
            drawn = self._codes.next_frames(frames)
            made.append(drawn)
            self._listen(drawn)
            if self._codes.done:
                made.append(drawn[:, -1:])
                self._listen(drawn[:, -1:])
                return self._piece(made, last=True)
        return self._piece(made, last=False)

    def _piece(self, made: list[Ints], *, last: bool) -> CodedPiece:
        sounds, before = self._sounds(made), self._size
        self._size += sum(sound.size for sound in sounds)
        words = self._words.ended(self._codes.places, self._silence.cut - self._pause, self._size, last=last)
        return CodedPiece(sounds, last, shifted(words, -before))

    def _listen(self, codes: Ints) -> None:
        if not self._silence.open:
            self._silence.feed(limited(self._codec.decode(codes, self._state)))

    def _kept(self, made: list[Ints]) -> int:
        """Samples of these frames that are not cut."""
        if not self._silence.open:
            return 0
        size: int = sum(codes.shape[1] for codes in made) * self._codec.frame_size
        return size if self._begun else size - self._silence.cut

    def _sounds(self, made: list[Ints]) -> tuple[CodedSound, ...]:
        codes, size = np.concatenate(made, axis=1), self._codec.frame_size
        if self._begun:
            return (CodedSound(codes, size),)
        self._begun = True
        sound = CodedSound(codes, size, begins=True, pause=self._pause, skip=self._silence.cut)
        return (sound,) if sound.size else ()
