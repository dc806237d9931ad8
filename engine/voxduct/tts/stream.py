"""Text in pieces to speech in pieces: the speaking stage.

    stream = SpeechStream(synthesiser, id="a", voice=None, seed=0)
    stream.feed("Hello, wor"); stream.feed("ld. How are"); stream.end()
    while (job := stream.next_job()) is not None:
        events = stream.receive(job.run())          # the shell runs jobs wherever it likes
    assert stream.done

Sentences and long ones' clauses are spoken one by one; each begins with the voice's cached state and random numbers of
its own, so the samples depend on text, voice and seed alone: not on how the text was cut, nor on how large the jobs
were.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from voxduct.audio import SAMPLE_RATE
from voxduct.coded import CodedSound
from voxduct.errors import TextError, VoxductError
from voxduct.events import (
    Event,
    Failed,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechAudioStarted,
    SpeechCodes,
    SpeechEnd,
    SpeechWords,
)
from voxduct.models import Job, JobKind
from voxduct.tts.sampling import request_rng
from voxduct.tts.sentence import CodedPiece, Sentence, SentenceForm, SpokenPiece, SpokenSentence
from voxduct.tts.shaping.breath import Breathing
from voxduct.tts.shaping.room import Room
from voxduct.tts.text.clauses import Clause
from voxduct.tts.text.sentences import SentenceSplitter
from voxduct.tts.text_to_speech import TextToSpeech
from voxduct.tts.word_times import shifted


class SpeechStream:
    """One request to speak. At most one job is out at a time; every request ends with one SpeechAudioEnded."""

    def __init__(
        self,
        synthesiser: TextToSpeech,
        id: str,
        voice: str | None = None,
        seed: int = 0,
        form: SentenceForm = SpokenSentence,
    ) -> None:
        """Raises VoiceError when there is no such voice. `form` says whether samples are made, or codes."""
        self.id = id
        self._synthesiser = synthesiser
        self._voice = synthesiser.voice(voice)
        self._seed = seed
        self._form = form
        self._splitter = SentenceSplitter(clauses=synthesiser.options.clauses)
        self._clauses: deque[Clause] = deque()
        self._characters = 0
        self._begun = 0
        self._jobs = 0
        self._parts: deque[object] = deque()
        self._before = ""  # what was taken of a sentence that has not ended
        self._opens = False  # the next part begins a sentence, and is not the request's first
        self._ends_sentence = False  # the last of these parts does
        self._text = ""  # of these parts
        self._breathing = Breathing(synthesiser.sample_rate) if synthesiser.options.breath else None
        room = synthesiser.options.room
        self._room = Room(room, synthesiser.sample_rate) if room else None
        self._speaking: Sentence | None = None
        self._job_out = self._ended = self._started = self._done = False
        self._samples = 0

    @property
    def done(self) -> bool:
        """Everything has been said: completed, cancelled or failed."""
        return self._done

    def feed(self, text: str) -> None:
        """More text. Sentences and clauses become due as soon as they are certain.

        Raises:
            TextError: too much text; the piece was not taken, what came before it is still spoken.
        """
        limit = self._synthesiser.options.max_characters
        if self._characters + len(text) > limit:
            raise TextError(
                f"{self._characters + len(text):,} characters are more than the {limit:,} of one request; "
                "send the rest as further requests",
                param="text",
            )
        if not self._ended and not self._done:
            self._characters += len(text)
            self._clauses += self._splitter.feed(text)

    def end(self) -> None:
        """No more text will come. Text without anything to speak fails as an event of its own (`bad_text`)."""
        if not self._ended and not self._done:
            self._clauses += self._splitter.flush()
            self._ended = True

    def next_job(self) -> Job | None:
        """The next piece of speech to compute; None when one is out, or nothing is certain yet."""
        idle = self._speaking is None and not self._clauses and not self._ended
        if self._done or self._job_out or idle:
            return None
        sizes = self._synthesiser.options.job_frames
        frames = sizes[min(self._jobs, len(sizes) - 1)]
        self._job_out = True
        self._jobs += 1
        return Job(JobKind.SPEECH, lambda: self._run(frames), frames * self._synthesiser.frame_size)

    def receive(self, result: object) -> list[Event]:
        """What the job returned."""
        self._job_out = False
        if self._done:
            return []
        if not isinstance(result, SpokenPiece | CodedPiece):
            raise TypeError(f"not a result of this stage: {type(result).__name__}")
        if result.last:
            self._speaking = None
        events = self._say(result)
        if self._ended and self._speaking is None and not self._clauses and not self._parts:
            if not self._begun:
                return self._fail_empty()
            if self._room is not None:
                events += self._say(SpokenPiece(self._room.flush(), last=True))
            events.append(self._end_with(SpeechEnd.COMPLETED))
        return events

    def fail(self, error: BaseException) -> list[Event]:
        """The job raised; the request ends, nothing else does."""
        self._job_out = False
        if self._done:
            return []
        code = error.code if isinstance(error, VoxductError) else "inference_failed"
        message = error.message if isinstance(error, VoxductError) else f"speech failed: {type(error).__name__}"
        return [Failed(code, message, id=self.id), self._end_with(SpeechEnd.FAILED)]

    def cancel(self) -> list[Event]:
        """Stops at once; a job that is out may be dropped, or its result handed in and ignored."""
        return [] if self._done else [self._end_with(SpeechEnd.CANCELLED)]

    def _say(self, piece: SpokenPiece | CodedPiece) -> list[Event]:
        sounds = piece.sounds if isinstance(piece, CodedPiece) else (piece.samples,) if piece.samples.size else ()
        events: list[Event] = []
        if sounds and not self._started:
            self._started = True
            rate = SAMPLE_RATE if isinstance(piece, CodedPiece) else self._synthesiser.sample_rate
            events.append(SpeechAudioStarted(self.id, self._voice.name, rate))
        if piece.words and self._started:
            events.append(SpeechWords(self.id, shifted(piece.words, self._samples)))
        for sound in sounds:
            if isinstance(sound, CodedSound):
                events.append(SpeechCodes(self.id, self._samples, sound))
            else:
                events.append(SpeechAudio(self.id, self._samples, sound))
            self._samples += sound.size
        return events

    def _fail_empty(self) -> list[Event]:
        return self.fail(TextError("nothing in the text can be spoken; send words or numbers", param="text"))

    def _end_with(self, reason: SpeechEnd) -> Event:
        self._done = True
        self._speaking = None
        self._clauses.clear()
        self._parts.clear()
        return SpeechAudioEnded(self.id, reason, self._samples)

    def _run(self, frames: int) -> SpokenPiece | CodedPiece:
        """A job's work, on any thread: the only code here that calls models."""
        if self._speaking is None:
            self._speaking = self._begin_next()
        if self._speaking is None:
            return SpokenPiece(np.zeros(0, np.float32), last=True)
        piece = self._speaking.speak(frames)
        if self._room is not None and isinstance(piece, SpokenPiece):
            return replace(piece, samples=self._room.feed(piece.samples))
        return piece

    def _begin_next(self) -> Sentence | None:
        """The next sentence or clause that has something to say; None when there is none."""
        while not self._parts and self._clauses:
            self._take(self._clauses.popleft())
        if not self._parts:
            return None
        made, rng = self._synthesiser, request_rng(self._seed, self._begun)
        pause, breathes = self._pause(), self._breathes()
        self._begun += 1
        part = self._parts.popleft()
        self._opens = self._ends_sentence and not self._parts
        return made.begin(part, self._voice, rng, pause, self._form, breathes=breathes)

    def _pause(self) -> int:
        """Samples of silence before the next part."""
        options = self._synthesiser.options
        pause_ms = options.sentence_pause_ms if self._opens else options.clause_pause_ms
        return pause_ms * self._synthesiser.sample_rate // 1000 if self._begun else 0

    def _breathes(self) -> bool:
        """Whether a breath comes before the next part."""
        return self._opens and self._breathing is not None and self._breathing.breathes(self._samples, self._text)

    def _take(self, clause: Clause) -> None:
        """Its parts, if it has any, and what they end; a sentence whose rest is mute has ended all the same."""
        self._parts += self._synthesiser.parts(clause.text, self._before)
        self._before = "" if clause.ends_sentence else f"{self._before} {clause.text}"
        self._text, self._ends_sentence = clause.text, clause.ends_sentence
        self._opens |= self._begun > 0 and not self._parts and clause.ends_sentence
