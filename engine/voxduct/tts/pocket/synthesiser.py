"""Speaks sentences with Pocket TTS."""

from __future__ import annotations

from collections.abc import Mapping

from voxduct.errors import ModelError, VoiceError
from voxduct.tts.pocket.frames import FlowSampling, LatentFrames, LatentSound, PocketModel
from voxduct.tts.pocket.text import TextRules, prepare, split
from voxduct.tts.sampling import Rng
from voxduct.tts.sentence import Sentence, SentenceForm, SpokenSentence
from voxduct.tts.shaping.mixture import refuse_mixture
from voxduct.tts.text_to_speech import TtsOptions
from voxduct.tts.voices import LearntVoice, NamedVoice

JOB_FRAMES = (2, 3, 6)  # of 80 ms


class PocketSynthesiser:
    """Implements `TextToSpeech`; nothing in it changes after construction."""

    def __init__(
        self,
        model: PocketModel,
        voices: Mapping[str, object],
        rules: TextRules,
        sampling: FlowSampling | None = None,
        options: TtsOptions | None = None,
    ) -> None:
        """`voices` are states that have heard each voice; raises ModelError where there are none."""
        if not voices:
            raise ModelError("Pocket TTS has no voices of its own; put a clip of a few seconds into voices/NAME.wav")
        self.model = model
        self.rules = rules
        self.sampling = sampling or FlowSampling()
        self.options = options or TtsOptions(job_frames=JOB_FRAMES, clauses=False)
        self._voices = voices

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices."""
        return tuple(self._voices)

    @property
    def default_voice(self) -> str:
        """The voice of requests that name none."""
        return self.voices[0]

    @property
    def codec(self) -> None:
        """None: its frames are latents."""
        return None

    @property
    def sample_rate(self) -> int:
        """Hertz of the speech."""
        return self.model.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one frame."""
        return self.model.frame_size

    def voice(self, name: str | None) -> LearntVoice:
        """The voice that is meant; raises VoiceError."""
        if name is not None and name not in self._voices:
            refuse_mixture(name)
            raise VoiceError(f"no voice {name!r:.60}; this server has {', '.join(self.voices)}", param="voice")
        return LearntVoice(name or self.default_voice)

    def parts(self, text: str, before: str = "") -> list[object]:
        """Pieces of a sentence, each of which can be spoken."""
        pieces = split(text, self.rules.most_tokens, lambda piece: len(self.model.tokens(piece)))
        return [piece for piece in pieces if any(character.isalnum() for character in piece)]

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
        """Begins with the voice's state."""
        prepared = prepare(str(part), self.rules)
        state = self.model.copy_state(self._voices[voice.name])
        tokens = self.model.tokens(prepared.text)
        frames = LatentFrames(self.model, state, tokens, prepared.frames_after_end, self.sampling, rng)
        return form(frames, LatentSound(self.model), pause, ())
