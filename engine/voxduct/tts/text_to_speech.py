"""What speaks sentences, whatever its models: our own voice and published ones look the same to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voxduct.models import Codec
from voxduct.tts.sampling import Rng
from voxduct.tts.sentence import Sentence, SentenceForm, SpokenSentence
from voxduct.tts.voices import NamedVoice


@dataclass(frozen=True, slots=True)
class TtsOptions:
    """How requests are spoken."""

    max_characters: int = 5_000
    """Of one request, all its pieces together."""
    job_frames: tuple[int, ...] = (3, 4, 8, 12)
    """Frames of a request's first, second ... job; the last goes on. Small first: the listener waits for it."""
    sentence_pause_ms: int = 120
    """Silence between two sentences, added to what the voice itself pauses."""
    clauses: bool = True
    """Long sentences may be spoken clause by clause, so that speech begins before the first of them is whole."""
    clause_pause_ms: int = 0
    """Silence between two clauses of a sentence, added to what the voice itself pauses."""
    intonation: bool = True
    """Questions rise and emphasised words stand out, where the codec says which of its parameters is pitch."""
    breath: bool = False
    """Breathes in audibly between sentences, where the codec says which of its parameters are the spectrum."""
    room: float = 0.0
    """Share of a small room's reflections, 0 (none) to 1, in samples; who is sent codes hears no room."""

    def __post_init__(self) -> None:
        """Raises ValueError for a room that there cannot be."""
        if not 0.0 <= self.room <= 1.0:
            raise ValueError(f"a room of {self.room} is none; give 0 to 1")


class TextToSpeech(Protocol):
    """What speaks sentences; shared by all requests. Its methods run models only where they say so."""

    options: TtsOptions

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices, at least one."""

    @property
    def default_voice(self) -> str:
        """The voice of requests that name none."""

    @property
    def codec(self) -> Codec | None:
        """Whose codes its frames are, if any."""

    @property
    def sample_rate(self) -> int:
        """Hertz of the speech."""

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""

    def voice(self, name: str | None) -> NamedVoice:
        """The voice that is meant, to begin with as often as wanted; None is the default. Raises VoiceError."""

    def parts(self, text: str, before: str = "") -> list[object]:
        """A sentence or clause as what is spoken from one state each; empty where nothing can be spoken.

        `before`: what was spoken of its sentence already. May run a model.
        """

    def begin(
        self,
        part: object,
        voice: NamedVoice,
        rng: Rng,
        pause: int = 0,
        form: SentenceForm = SpokenSentence,
        *,
        breathes: bool = False,
    ) -> Sentence:
        """Begins to speak a part of a sentence after so many samples of silence; runs no model yet.

        `breathes`: breathes in first, if it can.
        """
