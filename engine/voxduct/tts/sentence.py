"""One sentence being spoken: frames are drawn, made sound or passed on as codes. Everything here runs inside jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from voxduct.audio import Samples
from voxduct.coded import CodedSound
from voxduct.events import SpeechWord
from voxduct.loudness import limited
from voxduct.models import Codec, Ints
from voxduct.tts.silence import LeadingSilence
from voxduct.tts.text.phonemes import SpokenWord
from voxduct.tts.word_times import WordTimes, shifted

Frame = npt.NDArray[Any]
"""Codes of one frame, or a latent vector, shape [width]; several are [width, n]."""


@dataclass(frozen=True, slots=True, eq=False)
class SpokenPiece:
    """What one job made."""

    samples: Samples
    last: bool
    """The sentence is over."""
    words: tuple[SpeechWord, ...] = ()
    """Those that end in these samples. Positions count from their first; a word may begin before that."""


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
        """At least `frames` frames' worth of sound, fewer only at the sentence's end; in a job."""


class FrameSource(Protocol):
    """Draws the frames of one sentence."""

    @property
    def places(self) -> Sequence[int]:
        """Of every frame begun so far, the place of its phone; empty where no phones are known."""

    @property
    def done(self) -> bool:
        """All frames have been drawn."""

    def next_frame(self) -> Frame | None:
        """The next frame; None when the sentence is over. Runs a model."""


class FrameSound(Protocol):
    """Makes sound of the frames of one sentence."""

    @property
    def sample_rate(self) -> int:
        """Hertz."""

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""

    def feed(self, frames: Frame) -> Samples:
        """Frames of shape [width, n] to the samples that are certain now; whole frames of them, perhaps none."""

    def flush(self) -> Samples:
        """The samples of what was fed and is not said yet."""


SentenceForm: TypeAlias = Callable[[FrameSource, FrameSound, int, Sequence[SpokenWord]], Sentence]
"""What becomes of a sentence's frames: (frames, their sound, samples of silence before it, its words)."""


class LaggingSound:
    """A streaming codec whose decoder lags one frame behind."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._state = codec.new_decoder_state()
        self._last: Ints | None = None

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._codec.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""
        return self._codec.frame_size

    def feed(self, frames: Frame) -> Samples:
        """Codes of shape [books, n] to as many frames of samples."""
        self._last = frames[:, -1]
        return self._codec.decode(frames, self._state)

    def flush(self) -> Samples:
        """The last frame once more brings the sentence's end out."""
        if self._last is None:
            return np.zeros(0, np.float32)
        return self._codec.decode(self._last[:, None], self._state)


class SpokenSentence:
    """Draws frames, makes sound of them and cuts the leading silence, as much at a time as is asked for."""

    def __init__(
        self, frames: FrameSource, sound: FrameSound, pause: int = 0, words: Sequence[SpokenWord] = ()
    ) -> None:
        """`pause`: samples of silence before the sentence; `words`: those it says."""
        self._frames = frames
        self._sound = sound
        self._pause = self._before = pause
        self._words = WordTimes(words, sound.frame_size)
        self._size = 0  # samples returned so far
        self._silence = LeadingSilence.of(sound.frame_size, sound.sample_rate)

    def speak(self, frames: int) -> SpokenPiece:
        """At least `frames` frames' worth of samples, fewer only at the sentence's end.

        Silence that is cut does not count, so the first piece always has sound in it.
        """
        made = [np.zeros(self._pause, np.float32)]
        self._pause, kept = 0, 0
        while (missing := frames - kept // self._sound.frame_size) > 0:
            if (drawn := _drawn(self._frames, missing)) is not None:
                made.append(self._play(self._sound.feed(drawn)))
                kept += made[-1].size
            if self._frames.done:
                return self._piece([*made, self._play(self._sound.flush())], last=True)
        return self._piece(made, last=False)

    def _piece(self, made: list[Samples], *, last: bool) -> SpokenPiece:
        samples, before = np.concatenate(made), self._size
        self._size += len(samples)
        words = self._words.ended(self._frames.places, self._silence.cut - self._before, self._size, last=last)
        return SpokenPiece(samples, last, shifted(words, -before))

    def _play(self, samples: Samples) -> Samples:
        return self._silence.feed(limited(samples))


class CodedSentence:
    """Draws code frames and passes them on undecoded, to become the very samples of a `SpokenSentence` elsewhere.

    It decodes only as long as the sentence is silent, to say how much of its start is cut. For `LaggingSound` alone:
    its codes are those of the wire, and the last frame once more brings the sentence's end out.
    """

    def __init__(
        self, frames: FrameSource, sound: FrameSound, pause: int = 0, words: Sequence[SpokenWord] = ()
    ) -> None:
        """`pause`: samples of silence before the sentence; `words`: those it says."""
        self._frames = frames
        self._sound = sound
        self._pause = pause
        self._silence = LeadingSilence.of(sound.frame_size, sound.sample_rate)
        self._words = WordTimes(words, sound.frame_size)
        self._last: Frame | None = None
        self._begun = False
        self._size = 0  # samples that were returned so far as codes

    def speak(self, frames: int) -> CodedPiece:
        """As `SpokenSentence.speak`, in the same pieces."""
        made: list[Ints] = []
        while (missing := frames - self._kept(made) // self._sound.frame_size) > 0:
            if (drawn := _drawn(self._frames, missing)) is not None:
                made.append(self._heard(drawn))
                self._last = drawn[:, -1:]
            if self._frames.done:
                if self._last is not None:
                    made.append(self._heard(self._last))
                return self._piece(made, last=True)
        return self._piece(made, last=False)

    def _piece(self, made: list[Ints], *, last: bool) -> CodedPiece:
        sounds, before = self._sounds(made), self._size
        self._size += sum(sound.size for sound in sounds)
        words = self._words.ended(self._frames.places, self._silence.cut - self._pause, self._size, last=last)
        return CodedPiece(sounds, last, shifted(words, -before))

    def _heard(self, codes: Ints) -> Ints:
        """The same codes, listened to while there was no sound yet."""
        if not self._silence.open:
            self._silence.feed(limited(self._sound.feed(codes)))
        return codes

    def _kept(self, made: list[Ints]) -> int:
        """Samples of these frames that are not cut."""
        if not self._silence.open:
            return 0
        size: int = sum(codes.shape[1] for codes in made) * self._sound.frame_size
        return size if self._begun else size - self._silence.cut

    def _sounds(self, made: list[Ints]) -> tuple[CodedSound, ...]:
        if not made:
            return ()
        codes, size = np.concatenate(made, axis=1), self._sound.frame_size
        if self._begun:
            return (CodedSound(codes, size),)
        self._begun = True
        sound = CodedSound(codes, size, begins=True, pause=self._pause, skip=self._silence.cut)
        return (sound,) if sound.size else ()


def _drawn(source: FrameSource, frames: int) -> Frame | None:
    """Up to so many next frames, shape [width, n]; None when there are no more."""
    drawn: list[Frame] = []
    while len(drawn) < frames and (frame := source.next_frame()) is not None:
        drawn.append(frame)
    return np.stack(drawn, axis=1) if drawn else None
