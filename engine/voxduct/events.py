"""Everything the engine can say. Positions are sample indexes (16 kHz) since the session's start.

`Event` is a closed union: match on it, and end with `assert_never`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from voxduct.audio import Samples
from voxduct.coded import CodedSound


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word."""

    text: str
    start: int
    end: int
    probability: float
    """0 to 1: geometric mean of the word's token probabilities."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at `start` (pre-roll included); what follows belongs to `utterance`."""

    utterance: int
    start: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The endpoint of `utterance` was decided; its `Final` follows."""

    utterance: int
    end: int
    """Where speech ended."""
    decided: int
    """How much audio had been heard when that was decided (`end` plus the hang-over)."""


@dataclass(frozen=True, slots=True)
class PartialText:
    """What the utterance seems to go on with after its committed text; the next one replaces it."""

    utterance: int
    text: str
    end: int
    """The audio up to here was heard for it."""


@dataclass(frozen=True, slots=True)
class CommittedText:
    """Words added to the utterance for good; append-only."""

    utterance: int
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class FinalText:
    """The whole utterance, once it has ended. Only `RevisedText` may carry its number after it. May be empty."""

    utterance: int
    start: int
    end: int
    words: tuple[Word, ...]
    confidence: float
    language: str
    """ISO 639-1; empty when nothing was heard that tells."""
    language_probability: float = 1.0
    """How sure `language` is, among those allowed; 1 where it was given."""

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class RevisedText:
    """What a second pass heard in an utterance whose `FinalText` was said; what was said before stays as it is."""

    utterance: int
    version: int
    """1, 2, ...; the `FinalText` is version 0."""
    start: int
    end: int
    words: tuple[Word, ...]
    confidence: float
    language: str
    language_probability: float = 1.0

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class MarkerReached:
    """All audio that came before the marker `id` is final."""

    id: str
    position: int


@dataclass(frozen=True, slots=True)
class SpeechAudioStarted:
    """Speech for the request `id` begins; `SpeechAudio` follows."""

    id: str
    voice: str
    sample_rate: int


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """Some samples of speech; `start` counts samples since `SpeechAudioStarted`."""

    id: str
    start: int
    samples: Samples

    @property
    def size(self) -> int:
        """Samples."""
        return self.samples.size


@dataclass(frozen=True, slots=True)
class SpeechCodes:
    """Some speech as codes, for a session that asked for them instead of `SpeechAudio`; `start` counts samples."""

    id: str
    start: int
    sound: CodedSound

    @property
    def size(self) -> int:
        """Samples that it stands for."""
        return self.sound.size


@dataclass(frozen=True, slots=True)
class SpeechWord:
    """A word as it is spoken, in samples since `SpeechAudioStarted`."""

    text: str
    """As it is said: `doctor`, `twenty`."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpeechWords:
    """Words that end in the `SpeechAudio` of the request `id` that follows."""

    id: str
    words: tuple[SpeechWord, ...]


class SpeechEnd(StrEnum):
    """Why speech ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SpeechAudioEnded:
    """No more audio comes for the request `id`."""

    id: str
    reason: SpeechEnd
    samples: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong in one utterance or request; the session goes on."""

    code: str
    message: str
    utterance: int | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class InputEnded:
    """All input was ended by the client and everything about it has been said."""

    position: int


HearingEvent: TypeAlias = SpeechStarted | SpeechStopped | PartialText | CommittedText | FinalText | RevisedText
Speech: TypeAlias = SpeechAudio | SpeechCodes
SpeakingEvent: TypeAlias = SpeechAudioStarted | SpeechWords | Speech | SpeechAudioEnded
Event: TypeAlias = HearingEvent | SpeakingEvent | MarkerReached | Failed | InputEnded
