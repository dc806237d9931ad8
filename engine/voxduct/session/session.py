"""One conversation: what a client sends goes in, what it should hear comes out. Sans-I/O.

The caller feeds `receive_*`, then must drain `events()` (say them to the client, in order) and `jobs()` (run each
once, on any thread, and hand what it returned or raised to `receive_result`, which may yield more of both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voxduct.asr.live.stream import Recogniser
from voxduct.audio import AudioFormat
from voxduct.codec.stretches import WireCodec
from voxduct.errors import MessageError
from voxduct.events import Event, InputEnded
from voxduct.models import Job, VadModel
from voxduct.session.coded_input import CodedInput, Mark
from voxduct.session.coded_speech import coded_speech
from voxduct.session.counts import EngineCounts
from voxduct.session.hearing import Hearing
from voxduct.session.speaking import Speaking
from voxduct.tts.sentence import SpokenSentence
from voxduct.tts.text_to_speech import TextToSpeech
from voxduct.vad import VadOptions


@dataclass(frozen=True, slots=True)
class Engine:
    """The models that all sessions share."""

    vad: VadModel
    recogniser: Recogniser
    synthesiser: TextToSpeech | None = None
    second_recogniser: Recogniser | None = None
    """Hears utterances again when there is time, for sessions that want revisions."""
    counts: EngineCounts = field(default_factory=EngineCounts)
    codecs: Mapping[str, WireCodec] = field(default_factory=dict)
    """By name: those that sessions may hear and speak in."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How one session behaves."""

    vad: VadOptions = field(default_factory=VadOptions)
    voice: str | None = None
    """Voice of requests that name none; None is the synthesiser's default."""
    languages: tuple[str, ...] = ()
    """Languages that may be spoken; one is taken as given, none: as the recogniser is set up."""
    revisions: bool = False
    """Hear utterances again with the engine's second recogniser; never in lockstep, where it would be simpler to use
    that one in the first place."""
    audio_codec: str | None = None
    """Of the engine's codecs the one whose packets `receive_audio` takes; None: it takes PCM."""
    speech_codec: str | None = None
    """Of the engine's codecs the one in whose codes speech is made; None: samples."""
    lockstep: bool = False
    """Hear no more audio until everything due is computed (files, tests)."""


class Session:
    """Joins hearing and speaking; they do not disturb each other."""

    def __init__(self, engine: Engine, options: SessionOptions, audio_format: AudioFormat) -> None:
        """With an `audio_codec`, `audio_format` must be of the engine's own rate."""
        self._options = options
        recogniser = engine.recogniser.limited_to(options.languages)
        self._hearing = Hearing(
            engine.vad,
            recogniser,
            audio_format,
            options.vad,
            lockstep=options.lockstep,
            counts=engine.counts,
            second=_second_recogniser(engine, options, recogniser),
        )
        self._coded = CodedInput(engine.codecs[options.audio_codec]) if options.audio_codec is not None else None
        self._speaking = _speaking(engine, options)
        self._events: list[Event] = []
        self._ending = False
        self._ended: InputEnded | None = None

    @property
    def done(self) -> bool:
        """Input was ended and everything accepted before that has been said."""
        return self._hearing.done and (self._speaking is None or self._speaking.done)

    @property
    def position(self) -> int:
        """Samples accepted so far, at 16 kHz."""
        return self._hearing.received if self._coded is None else self._coded.received

    @property
    def backlog(self) -> int:
        """Samples accepted but not yet judged by the VAD; stop reading the socket when this grows too large."""
        return self._hearing.backlog + (0 if self._coded is None else self._coded.backlog)

    @property
    def update_due(self) -> bool:
        """Whether `jobs()` would hand out an update if updates were not held."""
        return self._hearing.update_due

    def hold(self, *, updates: bool, speculations: bool) -> None:
        """What is not to be computed for now. Text that was held is heard later, with more of it at once."""
        self._hearing.hold_updates = updates
        self._hearing.hold_speculations = speculations

    def receive_audio(self, data: bytes) -> None:
        """Raises AudioFormatError (the message is dropped, the session goes on) or MessageError after the end."""
        self._refuse_after_end()
        if self._coded is None:
            self._hearing.receive(data)
        else:
            self._coded.receive(data)

    def receive_text(self, id: str, text: str, voice: str | None, seed: int = 0, *, final: bool = True) -> None:
        """Text to speak; raises TextError, VoiceError, LimitError, or MessageError when there is no voice at all."""
        self._refuse_after_end()
        if self._speaking is None:
            raise MessageError("this server has no voice; start it with a speech model", code="no_voice")
        self._speaking.receive_text(id, text, voice or self._options.voice, seed, final=final)

    def receive_marker(self, id: str) -> None:
        """Asks for `MarkerReached(id)` once all audio so far is final."""
        self._refuse_after_end()
        self._mark(id)

    def cancel_output(self, id: str | None = None) -> None:
        """Stops the speech request `id`, or all of them; the shell must also drop what it has not sent yet."""
        if self._speaking is not None:
            self._events += self._speaking.cancel(id)

    def pause_output(self, paused: bool) -> None:
        """While paused no more speech is computed; call when unsent speech piles up, and again when it has gone."""
        if self._speaking is not None:
            self._speaking.paused = paused

    def end_input(self) -> None:
        """No more audio or text; `InputEnded` follows once all of it is final and spoken."""
        if not self._ending:
            self._ending = True
            self._mark(None)
            if self._speaking is not None:
                self._speaking.end()

    def _mark(self, marker: str | None) -> None:
        if self._coded is None:
            self._hearing.mark(marker)
        else:
            self._coded.mark(marker)

    def _refuse_after_end(self) -> None:
        if self._ending:
            raise MessageError("the input was ended by `stop`; open a new session")

    def jobs(self) -> list[Job]:
        """Jobs to run now; call after every `receive_*`."""
        decoding = [] if self._coded is None else self._decode(self._coded)
        events, jobs = self._hearing.pump()
        jobs = decoding + jobs
        for event in events:
            if isinstance(event, InputEnded):
                self._ended = event  # said once speech has ended too
            else:
                self._events.append(event)
        if self._speaking is not None:
            jobs += self._speaking.jobs()
        return jobs

    def _decode(self, coded: CodedInput) -> list[Job]:
        """Lets hearing have what was decoded; the next job of what was not."""
        for heard in coded.take():
            if isinstance(heard, Mark):
                self._hearing.mark(heard.marker)
            else:
                self._hearing.feed(heard)
        job = coded.next_job()
        return [] if job is None else [job]

    def receive_result(self, job: Job, result: object) -> None:
        """What `job.run()` returned, or the exception it raised; jobs of cancelled requests are ignored."""
        if self._coded is not None and self._coded.owns(job):
            self._events += self._coded.receive_result(result)
        elif self._hearing.owns(job):
            self._events += self._hearing.receive_result(job, result)
        elif self._speaking is not None and self._speaking.owns(job):
            self._events += self._speaking.receive_result(job, result)

    def events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events, self._events = self._events, []
        if self._ended is not None and self.done:
            events.append(self._ended)
            self._ended = None
        return events


def _speaking(engine: Engine, options: SessionOptions) -> Speaking | None:
    if engine.synthesiser is None:
        return None
    if options.speech_codec is None:
        return Speaking(engine.synthesiser, SpokenSentence)
    return Speaking(engine.synthesiser, coded_speech(engine.codecs[options.speech_codec], engine.synthesiser.codec))


def _second_recogniser(engine: Engine, options: SessionOptions, first: Recogniser) -> Recogniser | None:
    """The engine's, for the languages that `first` may hear; None when there is none, or none is wanted."""
    second = engine.second_recogniser
    if second is None or not options.revisions or options.lockstep:
        return None
    given = first.options.language
    spoken = ("en",) if not first.multilingual else (given,) if given is not None else first.options.languages
    known = tuple(language for language in spoken if language in second.languages)
    return None if spoken and not known else second.limited_to(known)


def run_to_rest(session: Session) -> list[Event]:
    """Runs all jobs at once on the calling thread until none is due; returns the events. For files and tests."""
    events: list[Event] = []
    while jobs := session.jobs():
        for job in jobs:
            try:
                result: object = job.run()
            except Exception as error:  # whatever a model raises fails its utterance, not the caller
                result = error
            session.receive_result(job, result)
        events += session.events()
    return events + session.events()
