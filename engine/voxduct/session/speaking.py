"""The speaking half of a session: requests in the order they came, one voice at a time."""

from __future__ import annotations

from collections import deque

from voxduct.errors import LimitError, TextError
from voxduct.events import Event
from voxduct.models import Job
from voxduct.tts.sentence import SentenceForm, SpokenSentence
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TextToSpeech

MAX_WAITING_REQUESTS = 32


class Speaking:
    """A queue of `SpeechStream`s; the first one speaks.

    The shell sets `paused` while too much speech waits to be sent or played; no job is offered meanwhile.
    """

    def __init__(self, synthesiser: TextToSpeech, form: SentenceForm = SpokenSentence) -> None:
        """`form` says whether samples are made, or codes."""
        self._synthesiser = synthesiser
        self._form = form
        self._queue: deque[SpeechStream] = deque()
        self._filling: SpeechStream | None = None  # takes more pieces of its text
        self._out: dict[Job, SpeechStream] = {}
        self.paused = False

    @property
    def done(self) -> bool:
        """Nothing is waiting to be said."""
        return not self._queue

    def receive_text(self, id: str, text: str, voice: str | None, seed: int, *, final: bool) -> None:
        """Text of the request `id`; pieces with the same id continue one request until one is final.

        Raises:
            TextError: nothing in the text can be spoken, or there is too much of it.
            VoiceError: no such voice.
            LimitError: too many requests wait already.
        """
        if self._filling is not None and self._filling.id == id:
            stream = self._filling
        else:
            stream = self._open(id, text, voice, seed, final=final)
        stream.feed(text)
        if final:
            self._filling = None
            stream.end()
        else:
            self._filling = stream
        if stream not in self._queue:
            self._queue.append(stream)

    def _open(self, id: str, text: str, voice: str | None, seed: int, *, final: bool) -> SpeechStream:
        if len(self._queue) >= MAX_WAITING_REQUESTS:
            raise LimitError(f"{len(self._queue)} requests to speak are waiting; wait for some to end or cancel them")
        if final and not text.strip():
            raise TextError("the text to speak is empty", param="text")
        if self._filling is not None:  # its text ends where another request begins
            self._filling.end()
            self._filling = None
        return SpeechStream(self._synthesiser, id, voice, seed, self._form)

    def end(self) -> None:
        """No more text will come."""
        if self._filling is not None:
            self._filling.end()
            self._filling = None

    def cancel(self, id: str | None) -> list[Event]:
        """Stops the request `id`, or all of them, at once; results of their jobs are dropped when they come."""
        events: list[Event] = []
        for stream in list(self._queue):
            if id is None or stream.id == id:
                events += stream.cancel()
                self._queue.remove(stream)
                if stream is self._filling:
                    self._filling = None
        self._out = {job: stream for job, stream in self._out.items() if stream in self._queue}
        return events

    def jobs(self) -> list[Job]:
        """The next job of the request that speaks now, when it has one."""
        while self._queue and self._queue[0].done:
            self._queue.popleft()
        if self.paused or not self._queue:
            return []
        job = self._queue[0].next_job()
        if job is None:
            return []
        self._out[job] = self._queue[0]
        return [job]

    def owns(self, job: Job) -> bool:
        """Whether the job came from here and its request was not cancelled."""
        return job in self._out

    def receive_result(self, job: Job, result: object) -> list[Event]:
        """What a job returned, or the exception it raised."""
        stream = self._out.pop(job)
        events = stream.fail(result) if isinstance(result, BaseException) else stream.receive(result)
        while self._queue and self._queue[0].done:
            self._queue.popleft()
        return events
