"""Our own voice: phones spoken by a codec language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from voxduct.audio import SAMPLE_RATE
from voxduct.errors import ModelError, VoiceError
from voxduct.models import Codec, CodeLm, GraphemeToPhoneme, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.codes import CodeStream
from voxduct.tts.config import VoiceConfig
from voxduct.tts.sampling import Rng
from voxduct.tts.sentence import FrameSource, LaggingSound, Sentence, SentenceForm, SpokenSentence
from voxduct.tts.shaping.breath import BreathedFrames
from voxduct.tts.shaping.contour import Contour
from voxduct.tts.shaping.gestures import contour_of
from voxduct.tts.shaping.inhalation import Inhaler
from voxduct.tts.shaping.intonation import IntonedCodes
from voxduct.tts.shaping.mixed_codes import MixedCodes
from voxduct.tts.shaping.mixture import names_mixture, parse_mixture, refuse_mixture
from voxduct.tts.shaping.timbred_codes import TimbredCodes
from voxduct.tts.text.clauses import PAUSE_MARKS
from voxduct.tts.text.lexicon import Lexicon
from voxduct.tts.text.normalise import PAUSES, spoken_words, stressed_words
from voxduct.tts.text.phonemes import PhonemeSequence, Phonemizer, PhonePart
from voxduct.tts.text.questions import rises
from voxduct.tts.text_to_speech import TtsOptions
from voxduct.tts.voice_codes import SteppedCodes, VoiceCodes
from voxduct.tts.voices import MixedVoice, NamedVoice, PrimedVoice, Voice, prime

LONGEST_PIECE_PHONES = 400  # phones spoken from one state; a sentence of more is spoken in parts


class Synthesiser:
    """Speaks phones with a codec language model (VALL-E family); implements `TextToSpeech`.

    Models, lexicon and voices are shared by all requests. Only the voices change, and those it was made with never:
    others come (`add`) and go (`remove`), on the thread that begins requests. A request goes on with the voice that it
    began with. A mixture is made of the voices there are, whenever one is asked for, and costs nothing until it speaks.
    """

    def __init__(
        self,
        lm: CodeLm,
        codec: Codec,
        g2p: GraphemeToPhoneme,
        lexicon: Lexicon,
        voices: Sequence[Voice],
        config: VoiceConfig,
        options: TtsOptions | None = None,
        code_vectors: CodeVectors | None = None,
    ) -> None:
        """Primes every voice: one model call each. `code_vectors`: the codec's; without them voices do not mix.

        Raises:
            ModelError: no voices, a codec that does not fit the language model, or another rate than the engine's.
        """
        if not voices:
            raise ModelError("the voice model has no voices; its folder `voices` is empty")
        if codec.sample_rate != SAMPLE_RATE or codec.num_codebooks != len(config.delays):
            raise ModelError(
                f"the codec has {codec.num_codebooks} books at {codec.sample_rate} Hz, the voice needs "
                f"{len(config.delays)} at {SAMPLE_RATE}; use the codec that the voice was trained on"
            )
        self.lm = lm
        self.codec = codec
        self.config = config
        self.options = options or TtsOptions()
        self.code_vectors = code_vectors
        self._inhaler = Inhaler.of(code_vectors, codec)
        self.phonemizer = Phonemizer(lexicon, g2p)
        self._voices = {voice.name: self.prime(voice) for voice in voices}
        self.shipped = frozenset(self._voices)
        """Names of the voices it was made with."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices."""
        return tuple(self._voices)

    @property
    def default_voice(self) -> str:
        """The voice of requests that name none."""
        return self.config.default_voice if self.config.default_voice in self._voices else self.voices[0]

    @property
    def sample_rate(self) -> int:
        """Hertz of the speech."""
        return self.codec.sample_rate

    @property
    def frame_size(self) -> int:
        """Samples of one code frame."""
        return self.codec.frame_size

    def voice(self, name: str | None) -> PrimedVoice | MixedVoice:
        """A voice, or a mixture of some, by name; None is the default. Runs no model. Raises VoiceError."""
        if name is None or name in self._voices or not names_mixture(name):
            return self.primed(name or self.default_voice)
        if self.code_vectors is None:
            refuse_mixture(name)
        mixture = parse_mixture(name)
        return MixedVoice(name, tuple(self.primed(one) for one in mixture.names), mixture.weights)

    def primed(self, name: str) -> PrimedVoice:
        """A voice by name, never a mixture. Raises VoiceError."""
        if (found := self._voices.get(name)) is None:
            raise VoiceError(f"no voice {name!r:.60}; this server has {', '.join(self.voices)}", param="voice")
        return found

    def prime(self, voice: Voice) -> PrimedVoice:
        """The voice and the model's state after its prompt: one model call, so that requests need none."""
        return prime(voice, self.lm, self.config)

    def add(self, voice: PrimedVoice) -> None:
        """From now on requests may name it. Raises VoiceError when there is one of that name."""
        name = voice.voice.name
        if name in self._voices:
            raise VoiceError(f"there is a voice {name!r} already; delete it first", code="voice_exists", param="name")
        self._voices[name] = voice

    def remove(self, name: str) -> None:
        """Forgets a voice that was added; requests that speak with it go on. Raises VoiceError."""
        if name in self.shipped:
            raise VoiceError(f"{name!r} belongs to the voice model and stays", code="shipped_voice", param="name")
        if name not in self._voices:
            raise VoiceError(f"no voice {name!r}; this server has {', '.join(self.voices)}", param="name")
        del self._voices[name]

    def parts(self, text: str, before: str = "") -> list[object]:
        """Phones and words, cut between words where they are too long for one state; a clause ends in a pause."""
        words, stressed = stressed_words(text, self.phonemizer.knows)
        if all(word in PAUSES for word in words):
            return []
        sequence = self.phonemizer.phonemize(words)
        ids = self.config.ids(sequence.phones, ends=not text.endswith(PAUSE_MARKS))
        contour = self._contour(sequence, ids, stressed, self._rises(words, before))
        cuts = self._cuts(sequence)
        parts: list[object] = []
        for start, end in pairwise([0, *cuts, len(ids) - 1]):
            melody = contour and contour.between(start, end)
            parts.append(PhonePart([*ids[start:end], ids[-1]], sequence.between(start, end), melody))
        return parts

    @staticmethod
    def _cuts(sequence: PhonemeSequence) -> list[int]:
        """Places before words at which a long sentence goes on from a new state."""
        cuts = [0]
        for word in sequence.words:
            if word.end - cuts[-1] > LONGEST_PIECE_PHONES and word.start > cuts[-1]:
                cuts.append(word.start)
        return cuts[1:]

    def _rises(self, words: Sequence[str], before: str) -> bool:
        """`words` are a clause's, `before` is its sentence up to it, which is read only where it matters."""
        return words[-1] == "?" and rises([*spoken_words(before, self.phonemizer.knows), ",", *words])

    def _contour(
        self, sequence: PhonemeSequence, ids: Sequence[int], stressed: Sequence[int], rise: bool
    ) -> Contour | None:
        if not self.options.intonation or self.code_vectors is None or self.code_vectors.parameters is None:
            return None
        return contour_of(sequence, self._lengths(ids), stressed, rise)

    def _lengths(self, ids: Sequence[int]) -> list[float]:
        """Frames that phones usually last."""
        return [self.config.durations[phone].mean for phone in ids]

    def codes(self, text: str, voice: PrimedVoice, rng: Rng) -> Iterator[Ints]:
        """A text's frames as they are drawn, shape [books] each, without pauses between parts; every frame is a step.

        May run the model of unknown words at once; call it, and go through it, in jobs.
        """
        for part in self.parts(text):
            assert isinstance(part, PhonePart)
            codes = CodeStream(self._drawn(voice, rng), self.config, part.ids, rng)
            while (frame := codes.next_frame()) is not None:
                yield frame

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
        """Begins with the cached state of the voice, or of each voice of a mixture."""
        assert isinstance(part, PhonePart)
        drawn = self._drawn(voice, rng)
        if part.contour is not None:
            assert self.code_vectors is not None  # or there would be no contour
            drawn = IntonedCodes(drawn, part.contour, self._lengths(part.ids), self.code_vectors)
        frames: FrameSource = CodeStream(drawn, self.config, part.ids, rng)
        if breathes and self._inhaler is not None:
            (own,) = rng.spawn(1)  # so that the words are drawn as without a breath
            frames = BreathedFrames(self._inhaler.codes(_prompt(voice), own), frames)
        return form(frames, LaggingSound(self.codec), pause, part.words)

    def _drawn(self, voice: NamedVoice, rng: Rng) -> SteppedCodes:
        if isinstance(voice, MixedVoice):
            assert self.code_vectors is not None  # or there would be no mixture
            drawn = [self._timbred(one, rng) for one in voice.voices]
            return MixedCodes(drawn, voice.weights, self.code_vectors)
        assert isinstance(voice, PrimedVoice)
        return self._timbred(voice, rng)

    def _timbred(self, voice: PrimedVoice, rng: Rng) -> SteppedCodes:
        drawn = VoiceCodes(self.lm, self.config, voice, rng)
        if voice.timbre is None:
            return drawn
        assert self.code_vectors is not None  # or there would be no timbre
        return TimbredCodes(drawn, voice.timbre, self.code_vectors)


def _prompt(voice: NamedVoice) -> Ints:
    """What a voice, or the voices of a mixture, said before, shape [books, frames]."""
    voices = voice.voices if isinstance(voice, MixedVoice) else [voice]
    return np.concatenate([one.voice.prompt_codes for one in voices if isinstance(one, PrimedVoice)], axis=1)
