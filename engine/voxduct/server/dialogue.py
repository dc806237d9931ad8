"""One client's conversation without its socket: messages in, messages out, jobs to run. No asyncio here.

It joins the protocol's state, the session and what waits to be sent, and decides when the conversation is over. The
connection gives it what arrives, sends what `next_message` returns, runs the jobs it submits, and calls `tick` now
and then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from voxduct.audio import SAMPLE_RATE
from voxduct.errors import ClientError, LimitError, MessageError, VoxductError
from voxduct.events import (
    Event,
    Failed,
    FinalText,
    InputEnded,
    MarkerReached,
    Speech,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechCodes,
)
from voxduct.models import Job, JobKind
from voxduct.server.backend import Backend, Conversation
from voxduct.server.limits import Limits
from voxduct.server.metrics import Metrics
from voxduct.server.outbox import Outbox
from voxduct.server.timeline import Timeline
from voxduct.server.watch import Watch
from voxduct.wire import (
    Audio,
    Cancel,
    CloseCode,
    Command,
    Draining,
    ErrorMessage,
    Marker,
    OpenSession,
    Outgoing,
    Ready,
    Say,
    ServerWire,
    Stop,
    codec_offer,
    error_message,
    outgoing,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a conversation is going to end."""

    code: CloseCode
    how: str
    """For the metrics: `stopped`, `left`, `drained`, or an error's code."""
    error: VoxductError | None = None
    """Told to the client last."""


STOPPED = Ending(CloseCode.DONE, "stopped")
LEFT = Ending(CloseCode.DONE, "left")
DRAINED = Ending(CloseCode.RESTART, "drained")


class Dialogue:
    """A conversation; every method runs on the event loop's thread and returns at once."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        limits: Limits,
        metrics: Metrics,
        *,
        submit: Callable[[Job], None],
        now: Callable[[], float],
        observe: Callable[[Event], None] = lambda event: None,
        want_update: Callable[[bool], None] | None = None,
        relaxed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Without `want_update`, updates are submitted as soon as they are due.

        With it, it is told whether one is due, and `take_turn` is to be called when it should run. `relaxed` tells
        whether work that may be in vain does no harm.
        """
        self.name = name
        self.timeline = Timeline(metrics)
        self.finished = False
        """Nothing is added any more; close the socket when `next_message` has nothing left."""
        self.ending: Ending | None = None
        self._backend = backend
        self._limits = limits
        self._metrics = metrics
        self._submit = submit
        self._now = now
        self._observe = observe
        self._want_update = want_update
        self._relaxed = relaxed
        self._wire = ServerWire(
            check_voice=backend.check_voice,
            max_message_bytes=limits.max_message_bytes,
            max_text_chars=limits.max_text_chars,
            languages=backend.languages,
            codecs=backend.codecs,
        )
        self._outbox = Outbox(limits.max_unsent_messages, limits.max_unsent_speech_s)
        self._watch = Watch(limits, now())
        self._session: Conversation | None = None
        self._asked: dict[str, float] = {}  # speech request -> when it was asked for, until its first sound is sent
        self._requests: set[str] = set()  # speech requests that have not ended
        self._markers = 0
        self._left = False

    # --- what comes in

    def receive(self, data: str | bytes) -> None:
        """One message from the client; whatever is wrong with it is answered with an `error`."""
        self._watch.active(self._now())
        command: Command | None = None
        try:
            command = self._wire.receive_text(data) if isinstance(data, str) else self._wire.receive_audio(data)
            if command is not None:
                self._obey(command)
        except ClientError as error:
            self._say(error_message(error, id=command.id if isinstance(command, Say | Marker) else None))
        self.advance()

    def receive_result(self, job: Job, result: object) -> None:
        """What a submitted job returned, or the exception it raised."""
        # nobody else hears of a revision that failed: it does not come
        told = isinstance(result, VoxductError) and job.kind is not JobKind.REVISION
        if isinstance(result, Exception) and not told:
            log.error("session %s: a %s job failed", self.name, job.kind.name, exc_info=result)
        assert self._session is not None  # jobs come from it
        self._session.receive_result(job, result)
        self.advance()

    def _obey(self, command: Command) -> None:
        if isinstance(command, OpenSession):
            self._open(command)
            return
        session = self._session
        assert session is not None  # the wire lets nothing through before `start`
        match command:
            case Audio(data):
                session.receive_audio(data)
                self.timeline.heard(session.position, self._now())
            case Marker(id=id):
                if self._markers >= self._limits.max_markers:
                    raise LimitError(f"{self._markers} markers wait for their echo already", param="id")
                session.receive_marker(id)
                self._markers += 1
            case Say():
                self._speak(session, command)
            case Cancel(id=id):
                self._outbox.drop_speech(id)
                session.cancel_output(id)
            case Stop():
                self._wind_down(STOPPED)

    def speak(self, say: Say) -> None:
        """Text that somebody else wants this client to hear.

        Raises:
            ClientError: the session has not started or is ending, or cannot speak that.
        """
        if self._session is None or self.ending is not None:
            raise MessageError("the session takes no text now", param="session")
        self._speak(self._session, say)
        self.advance()

    def _speak(self, session: Conversation, say: Say) -> None:
        session.receive_text(say.id, say.text, say.voice, say.seed, final=say.final)
        if say.id not in self._requests:
            self._requests.add(say.id)
            self._asked[say.id] = self._now()

    def _open(self, command: OpenSession) -> None:
        self._session = self._backend.open_session(
            command.audio_format,
            command.voice,
            languages=command.languages,
            revisions=command.revisions,
            audio_codec=command.audio_codec,
            speech_codec=command.speech_codec,
        )
        self._say(
            Ready(
                session=self.name,
                voices=list(self._backend.voices),
                voice_sample_rate=self._speech_rate(coded=command.speech_codec is not None),
                max_message_bytes=self._limits.max_message_bytes,
                max_session_s=self._limits.max_session_s,
                idle_timeout_s=self._limits.idle_timeout_s,
                languages=list(self._backend.languages),
                revisions=command.revisions and self._backend.revises,
                codecs=[codec_offer(codec) for codec in self._backend.codecs],
            )
        )

    # --- what goes on inside

    @property
    def congested(self) -> bool:
        """Take nothing more from the client for now."""
        if self._outbox.full:
            return True
        if self._session is None:
            return False
        behind = max(self._session.backlog, self.timeline.lag(self._session.position))
        return behind > self._limits.max_backlog_s * SAMPLE_RATE

    def advance(self) -> None:
        """Submits the jobs that are due and takes note of what was said."""
        if self._session is None:
            return
        self._session.pause_output(self._outbox.speech_full)
        self._drain(self._session, held=self._want_update is not None)
        if self._want_update is not None:
            self._want_update(self._session.update_due)

    def take_turn(self) -> None:
        """Submits the update that is due."""
        if self._session is not None:
            self._drain(self._session, held=False)

    def _drain(self, session: Conversation, *, held: bool) -> None:
        session.hold(updates=held, speculations=not self._relaxed())
        for job in session.jobs():
            self._submit(job)
        for event in session.events():
            self._tell(event)

    def _tell(self, event: Event) -> None:
        self._observe(event)
        self.timeline.observe(event, self._now())
        match event:
            case InputEnded():
                if self.ending is STOPPED:
                    self._say(outgoing(event))
                self._finish()
                return
            case MarkerReached():
                self._markers -= 1
            case FinalText():
                self._metrics.utterances.labels("nobody" if self._left else "client").inc()
            case Failed(utterance=int(utterance)):
                self.timeline.forget(utterance)
            case SpeechAudioEnded(id=id) | Failed(id=str(id)):
                self._requests.discard(id)
                self._asked.pop(id, None)
            case _:
                pass
        self._say(outgoing(event))

    def _say(self, item: Outgoing) -> None:
        if isinstance(item, ErrorMessage):
            self._metrics.errors.labels(item.code).inc()
        if not self._left and not self.finished:
            self._outbox.push(item)

    # --- what goes out

    @property
    def talkative(self) -> bool:
        """Something waits to be sent, or nothing more will."""
        return self.finished or len(self._outbox) > 0

    def next_message(self) -> str | bytes | None:
        """The next message to send: str for text, bytes for binary; None when nothing waits."""
        while (item := self._outbox.pop()) is not None:
            message = self._wire.encode(item)
            if message is None:
                continue
            if isinstance(item, SpeechAudio | SpeechCodes):
                self._account(item)
            return message
        return None

    def sent(self) -> None:
        """The message that `next_message` returned has gone; there is room for more."""
        now = self._now()
        self._watch.active(now)
        self._watch.unread(self._outbox.full, now)
        self.advance()

    def _speech_rate(self, *, coded: bool) -> int:
        """Hertz of what is sent; 0 when nothing is ever said. Codecs on the wire are of the engine's rate."""
        voice = self._backend.voice_sample_rate
        return SAMPLE_RATE if coded and voice else voice

    def _account(self, item: Speech) -> None:
        self._metrics.speech_seconds.inc(item.size / self._speech_rate(coded=isinstance(item, SpeechCodes)))
        asked = self._asked.pop(item.id, None)
        if asked is not None:
            self._metrics.first_audio.observe(self._now() - asked)

    def last_words(self, error: VoxductError) -> str | bytes | None:
        """A fatal `error` to send now, past everything that waits, when something here broke; None after the last."""
        self._metrics.errors.labels(error.code).inc()
        self._outbox.clear()
        return self._wire.encode(error_message(error, fatal=True))

    # --- how it ends

    def drain(self, seconds: float) -> None:
        """The server goes away: finishes what is open, within so many seconds."""
        self._say(Draining(deadline_s=seconds))
        self._wind_down(DRAINED, seconds)

    def leave(self) -> None:
        """The client has gone: what it said is finished, for the record; nobody is told."""
        if self._left:
            return
        self._left = True
        if self.timeline.mid_utterance:
            log.info("session %s: the client left within an utterance; finishing it", self.name)
        self._outbox.clear()
        if self._session is not None:
            self._session.cancel_output(None)
        if self.ending is None:
            self._wind_down(LEFT, self._limits.drain_s)
        else:
            self._watch.wind_down(self._now(), self._limits.drain_s)
        self.advance()

    def tick(self) -> bool:
        """Looks at the clocks; True when the client must be cut off because it does not read."""
        now = self._now()
        self._watch.unread(self._outbox.full, now)
        slow = self._watch.slow(now)
        if slow is not None:
            self._outbox.clear()
            self._finish(Ending(CloseCode.POLICY, slow.code, slow))
            return True
        if self._watch.late(now):
            self._finish(self.ending if self.ending is not STOPPED else DRAINED)
            return not self._left
        over = self._watch.over(now)
        if over is not None and self.ending is None:
            self._wind_down(Ending(CloseCode.POLICY, over.code, over), self._limits.drain_s)
        return False

    def _wind_down(self, ending: Ending, seconds: float | None = None) -> None:
        """Ends the input; the conversation is over once all of it was answered, or the seconds have passed."""
        if seconds is not None:
            self._watch.wind_down(self._now(), seconds)
        if ending is not STOPPED:
            self._wire.drain()
        if self.ending is None:
            self.ending = ending
            if self._session is None:
                self._finish()
                return
            self._session.end_input()
        self.advance()

    def _finish(self, ending: Ending | None = None) -> None:
        if self.finished:
            return
        self.ending = ending or self.ending or LEFT
        if self.ending.error is not None:
            self._say(error_message(self.ending.error, fatal=True))
        self.finished = True
