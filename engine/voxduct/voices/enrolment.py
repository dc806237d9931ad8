"""A clip becomes a voice (VALL-E, Wang et al., 2023: three seconds are enough), as one more stage of jobs.

    enrolment = enroller.begin("me", lambda: read_sound(data, 60.0))
    while (job := enrolment.next_job()) is not None:
        enrolment.receive(job.run())            # the shell runs jobs wherever it likes
    synthesiser.add(enrolment.result.primed)    # and it can be spoken with

The clip is read, checked and listened to by the VAD; its best part is encoded; the language model hears the prompt
once. Nobody asks what was said: the prompt's phones are unknown, a case that the voice model has learnt. Then the voice
rehearses, for its timbre.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from voxduct.audio import SAMPLE_RATE
from voxduct.errors import InferenceError, VoxductError
from voxduct.events import Event, Failed, SpeechStarted, SpeechStopped
from voxduct.models import Ints, Job, JobKind, SpeakerEncoder, VadModel
from voxduct.tts.shaping.timbre import Timbre
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.voices import PrimedVoice, Voice
from voxduct.vad import VadOptions, VadStage
from voxduct.voices.clip import ClipOptions, Speech, audible, check_clip, choose_speech
from voxduct.voices.rehearsal import JOB_FRAMES, Rehearsal, can_rehearse
from voxduct.voices.sound import Sound

VAD = VadOptions(pre_roll_ms=64, hangover_ms=256, min_speech_ms=96)  # closer to the words than for captions


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What is kept of a clip: codes, from which the same codec's models make a voice again."""

    codes: Ints
    """Shape [books, frames]: the best of the clip."""
    prompt: tuple[int, int]
    """The frames of it that are the prompt."""
    speech_s: float
    """Seconds of speech in the whole clip."""
    timbre: Timbre | None = None
    """What the speech of the voice model `timbre_of` has to be shifted by."""
    timbre_of: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """A voice that can speak, and what to keep of it."""

    primed: PrimedVoice
    spoken: Spoken


class Enroller:
    """The models that all enrolments share."""

    def __init__(
        self,
        vad: VadModel,
        speaker_encoder: SpeakerEncoder,
        synthesiser: Synthesiser,
        options: ClipOptions | None = None,
    ) -> None:
        self.vad = vad
        self.synthesiser = synthesiser
        self.options = options or ClipOptions()
        self.speaker = speaker_encoder.speaker
        self.model = _fingerprint(synthesiser)
        """Which voice model this is, as far as a timbre depends on it."""

    def begin(self, name: str, load: Callable[[], Sound]) -> Enrolment:
        """A voice of this name from the recording that `load` reads; it is called in the first job."""
        return Enrolment(self, name, load)

    def encode(self, speech: Speech) -> Spoken:
        """Runs the codec's encoder; call it in a job."""
        codec = self.synthesiser.codec
        codes = codec.encode(speech.samples, codec.new_encoder_state())
        first, last = speech.prompt
        return Spoken(codes, (first // codec.frame_size, last // codec.frame_size), speech.found_s)

    def voice(self, name: str, spoken: Spoken) -> PrimedVoice:
        """Runs the speaker encoder, and the language model over the prompt; call it in a job.

        It has a timbre where that was found with this voice model; else it may rehearse.
        """
        prompt = spoken.codes[:, slice(*spoken.prompt)]
        phones = np.full(prompt.shape[1], self.synthesiser.config.unknown_id, np.int64)
        primed = self.synthesiser.prime(Voice(name, self.speaker(spoken.codes), prompt, phones))
        return replace(primed, timbre=spoken.timbre) if spoken.timbre_of == self.model else primed

    def rehearsal(self, primed: PrimedVoice) -> Rehearsal | None:
        """How its timbre is found; None where there is one, or the codec does not say what timbre is."""
        return Rehearsal(self.synthesiser, primed) if primed.timbre is None and can_rehearse(self.synthesiser) else None

    def rehearsed(self, enrolled: Enrolled, rehearsal: Rehearsal) -> Enrolled:
        """The voice with the timbre that its rehearsal found."""
        timbre = rehearsal.timbre(enrolled.spoken.codes)
        spoken = replace(enrolled.spoken, timbre=timbre, timbre_of=self.model)
        return Enrolled(replace(enrolled.primed, timbre=timbre), spoken)


class Enrolment:
    """One clip on its way to a voice. At most one job is out at a time."""

    def __init__(self, enroller: Enroller, name: str, load: Callable[[], Sound]) -> None:
        self._enroller = enroller
        self._name = name
        self._load = load
        self._vad: VadStage | None = None
        self._sound: Sound | None = None
        self._began = 0
        self._spans: list[tuple[int, int]] = []
        self._out = False
        self._made: Enrolled | None = None  # before it has rehearsed
        self._rehearsal: Rehearsal | None = None
        self._result: Enrolled | None = None

    @property
    def done(self) -> bool:
        """There is a voice."""
        return self._result is not None

    @property
    def result(self) -> Enrolled:
        """The voice; only when `done`."""
        assert self._result is not None
        return self._result

    def next_job(self) -> Job | None:
        """The next step; None when one is out, or all are done."""
        if self._out or self.done:
            return None
        self._out = True
        if self._rehearsal is not None:
            return Job(JobKind.SPEECH, self._rehearsal.go_on, JOB_FRAMES * self._enroller.synthesiser.frame_size)
        if self._vad is None:
            return Job(JobKind.SPEECH, self._read, int(self._enroller.options.max_s * SAMPLE_RATE))
        listening = self._vad.next_job()
        if listening is not None:  # nobody waits for these words: not before live speech, nor together with it
            return replace(listening, kind=JobKind.SPEECH, shared=None)
        return Job(JobKind.SPEECH, self._encode, int(self._enroller.options.heard_s * SAMPLE_RATE))

    def receive(self, result: object) -> None:
        """What a job returned.

        Raises:
            ClipError: no voice can be made from this recording. InferenceError: the VAD failed.
        """
        self._out = False
        match result:
            case Sound():
                self._sound = result
                self._vad = VadStage(self._enroller.vad, VAD)
                self._vad.feed(audible(result.samples))
            case Enrolled():
                self._made, self._rehearsal = result, self._enroller.rehearsal(result.primed)
                if self._rehearsal is None:
                    self._result = result
            case bool():
                assert self._made is not None and self._rehearsal is not None  # whose job returned it
                if not result:
                    self._result = self._enroller.rehearsed(self._made, self._rehearsal)
            case _:
                assert self._vad is not None  # whoever else returns something
                self._note(self._vad.receive(result))

    def fail(self, error: BaseException) -> VoxductError:
        """A job raised: what to tell whoever wanted the voice."""
        self._out = False
        if isinstance(error, VoxductError):
            return error
        return InferenceError(f"the voice could not be made: {type(error).__name__}")

    def _note(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case SpeechStarted():
                    self._began = event.start
                case SpeechStopped():
                    self._spans.append((self._began, event.end))
                case Failed():
                    raise InferenceError(event.message)
                case _:
                    pass

    def _read(self) -> Sound:
        sound = self._load()
        check_clip(sound.samples, sound.clipped, self._enroller.options)
        return sound

    def _encode(self) -> Enrolled:
        assert self._vad is not None and self._sound is not None
        self._note(list(self._vad.close_utterance()))
        speech = choose_speech(
            self._sound.samples - self._sound.samples.mean(),
            self._spans,
            self._vad.silences,
            self._enroller.options,
            self._enroller.synthesiser.codec.frame_size,
        )
        spoken = self._enroller.encode(speech)
        return Enrolled(self._enroller.voice(self._name, spoken), spoken)


def run_enrolment(enrolment: Enrolment) -> Enrolled:
    """Runs all jobs at once on the calling thread. For files and tests; raises what the jobs raise."""
    while (job := enrolment.next_job()) is not None:
        enrolment.receive(job.run())
    return enrolment.result


def _fingerprint(synthesiser: Synthesiser) -> str:
    """Trainings move the speaker vectors of the shipped voices."""
    known = hashlib.sha256()
    for name in sorted(synthesiser.shipped):
        known.update(synthesiser.primed(name).voice.speaker.tobytes())
    return known.hexdigest()[:16]
