"""Speaks sentences with a language model that is prompted with text."""

from __future__ import annotations

from typing import Protocol

from voxduct.errors import ModelError, VoiceError
from voxduct.models import Codec, TokenLm
from voxduct.tts.prompted.frames import TokenFrames, TokenSampling
from voxduct.tts.prompted.script import Script
from voxduct.tts.prompted.window import StatefulSound, WindowedSound, Windows
from voxduct.tts.sampling import Rng
from voxduct.tts.sentence import Sentence, SentenceForm, SpokenSentence
from voxduct.tts.shaping.mixture import refuse_mixture
from voxduct.tts.text_to_speech import TtsOptions
from voxduct.tts.voices import LearntVoice, NamedVoice

FIRST_JOB_S, LATER_JOB_S = 0.25, 0.5  # of speech; a request that is cancelled waits for one job to end


class PromptedFamily(Protocol):
    """What differs between language models that write codes."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices, at least one; the first is the default."""

    def parts(self, text: str) -> list[object]:
        """A sentence as what is spoken from one state each; empty where nothing can be spoken."""

    def begin(self, part: object, voice: str) -> tuple[list[int], Script]:
        """The prompt's tokens, and what may follow them."""


class PromptedSynthesiser:
    """Implements `TextToSpeech`; nothing in it changes after construction."""

    def __init__(
        self,
        lm: TokenLm,
        family: PromptedFamily,
        codec: Codec,
        sampling: TokenSampling,
        windows: Windows | None,
        options: TtsOptions | None = None,
    ) -> None:
        """`windows` of a codec that is not causal; None: the codec streams. Raises ModelError without any voices."""
        if not family.voices:
            raise ModelError("the model has no voices; name some in voice.json")
        self.lm = lm
        self.family = family
        self.codec = codec
        self.sampling = sampling
        self.windows = windows
        frame_s = codec.frame_size / codec.sample_rate
        sizes = tuple(max(1, round(length / frame_s)) for length in (FIRST_JOB_S, LATER_JOB_S))
        self.options = options or TtsOptions(job_frames=sizes, clauses=False)

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices."""
        return self.family.voices

    @property
    def default_voice(self) -> str:
        """The voice of requests that name none."""
        return self.voices[0]

    @property
    def sample_rate(self) -> int:
        """Hertz of the speech."""
        return self.codec.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one code frame."""
        return self.codec.frame_size

    def voice(self, name: str | None) -> LearntVoice:
        """The voice that is meant; raises VoiceError."""
        if name is not None and name not in self.voices:
            refuse_mixture(name)
            raise VoiceError(f"no voice {name!r:.60}; this server has {', '.join(self.voices)}", param="voice")
        return LearntVoice(name or self.default_voice)

    def parts(self, text: str, before: str = "") -> list[object]:
        """As the family has it."""
        return self.family.parts(text)

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
        """Begins with an empty state: the voice is in the prompt."""
        prompt, script = self.family.begin(part, voice.name)
        frames = TokenFrames(self.lm, prompt, script, self.sampling, rng)
        windows = self.windows
        sound = StatefulSound(self.codec) if windows is None else WindowedSound(self.codec, windows)
        return form(frames, sound, pause, ())
