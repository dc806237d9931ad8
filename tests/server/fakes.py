"""A conversation that hears loudness and speaks tones: all of the engine that the server can see, without models."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import websockets

from voxduct import wire
from voxduct.audio import SAMPLE_RATE, AudioFormat
from voxduct.coded import CodecFormat
from voxduct.errors import TextError, VoiceError
from voxduct.events import (
    CommittedText,
    Event,
    Failed,
    FinalText,
    InputEnded,
    MarkerReached,
    PartialText,
    SpeechAudio,
    SpeechAudioEnded,
    SpeechAudioStarted,
    SpeechEnd,
    SpeechStarted,
    SpeechStopped,
    Word,
)
from voxduct.models import Job, JobKind
from voxduct.server.backend import Backend
from voxduct.server.limits import Limits, ServerOptions
from voxduct.server.serve import VoiceServer
from voxduct.voices.shelf import VoiceShelf

MessageT = TypeVar("MessageT", bound=wire.ServerMessage)

VOICE_RATE = 24_000
FRAME = VOICE_RATE // 10  # samples of speech per job
LOUD = (np.full(1600, 8000, "<i2")).tobytes()  # 100 ms
QUIET = np.zeros(1600, "<i2").tobytes()


@dataclass
class FakeBackend:
    """Opens `FakeSession`s. `on_job` runs on the worker thread before each job: block or raise there."""

    on_job: Callable[[JobKind], None] = lambda kind: None
    voices: tuple[str, ...] = ("ann", "bob")
    voice_sample_rate: int = VOICE_RATE
    languages: tuple[str, ...] = ("de", "en")
    revises: bool = False
    codecs: tuple[CodecFormat, ...] = ()
    shelf: VoiceShelf | None = None
    sessions: list[FakeSession] = field(default_factory=list)

    def check_voice(self, name: str) -> None:
        if name not in self.voices:
            raise VoiceError(f"no voice {name!r}", param="voice")

    def open_session(
        self,
        audio_format: AudioFormat,
        voice: str | None,
        *,
        languages: tuple[str, ...] = (),
        revisions: bool = False,
        audio_codec: str | None = None,
        speech_codec: str | None = None,
    ) -> FakeSession:
        self.sessions.append(FakeSession(self, audio_format, voice))
        return self.sessions[-1]

    def warm_up(self) -> None:
        """Nothing to run."""

    def counters(self) -> dict[str, dict[str, int]]:
        return {"gate": {"silent": 3}, "speculations": {"used": 2}}


@dataclass
class _Request:
    id: str
    voice: str
    text: str = ""
    final: bool = False
    said: int = 0
    started: bool = False


class FakeSession:
    """Loud chunks are speech, one word each; every quiet chunk ends an utterance; a letter is 100 ms of speech."""

    def __init__(self, backend: FakeBackend, audio_format: AudioFormat, voice: str | None) -> None:
        self.backend = backend
        self.format = audio_format
        self.voice = voice or backend.voices[0]
        self.position = 0
        self.judged = 0
        self.inputs: deque[tuple[int, bool] | str | None] = deque()
        self.out: dict[Job, object] = {}
        self.said: list[Event] = []
        self.open: tuple[int, int, list[Word]] | None = None
        self.utterances = 0
        self.finals_out = 0
        self.requests: deque[_Request] = deque()
        self.paused = False
        self.ending = False
        self.heard_end = False
        self.told_end = False

    update_due = False

    def hold(self, *, updates: bool, speculations: bool) -> None:
        """It has no updates."""

    @property
    def backlog(self) -> int:
        return self.position - self.judged

    @property
    def done(self) -> bool:
        return self.heard_end and not self.requests

    def receive_audio(self, data: bytes) -> None:
        samples = self.format.decode(data)
        size = samples.size * SAMPLE_RATE // self.format.sample_rate
        self.position += size
        self.inputs.append((size, bool(samples.size and np.abs(samples).max() > 0.1)))

    def receive_text(self, id: str, text: str, voice: str | None, seed: int = 0, *, final: bool = True) -> None:
        if final and not text.strip():
            raise TextError("the text to speak is empty", param="text")
        request = next((request for request in self.requests if request.id == id and not request.final), None)
        if request is None:
            request = _Request(id, voice or self.voice)
            self.requests.append(request)
        request.text += text
        request.final = final

    def receive_marker(self, id: str) -> None:
        self.inputs.append(id)

    def cancel_output(self, id: str | None = None) -> None:
        for request in [request for request in self.requests if id in (None, request.id)]:
            self.requests.remove(request)
            self.said.append(SpeechAudioEnded(request.id, SpeechEnd.CANCELLED, request.said * FRAME))

    def pause_output(self, paused: bool) -> None:
        self.paused = paused

    def end_input(self) -> None:
        if not self.ending:
            self.ending = True
            self.inputs.append(None)
            for request in self.requests:
                request.final = True

    def jobs(self) -> list[Job]:
        jobs: list[Job] = []
        while self.inputs and not isinstance(self.inputs[0], tuple) and not self.finals_out:
            if self.out and any(job.kind is JobKind.VAD for job in self.out):
                break
            if self.open is not None:
                self._end_utterance(jobs)
                break
            point = self.inputs.popleft()
            if point is None:
                self.heard_end = True
            else:
                self.said.append(MarkerReached(str(point), self.judged))
        if self.inputs and isinstance(self.inputs[0], tuple) and not any(job.kind is JobKind.VAD for job in self.out):
            chunk = self.inputs.popleft()
            jobs.append(self._job(JobKind.VAD, chunk))
        busy = any(job.kind is JobKind.SPEECH for job in self.out)
        if self.requests and not self.paused and not busy:
            request = self.requests[0]
            if request.said < len(request.text):
                jobs.append(self._job(JobKind.SPEECH, request))
            elif request.final:
                self.requests.popleft()
                self.said.append(SpeechAudioEnded(request.id, SpeechEnd.COMPLETED, request.said * FRAME))
                jobs += self.jobs()
        return jobs

    def _job(self, kind: JobKind, about: object) -> Job:
        def run() -> object:
            self.backend.on_job(kind)
            return about

        job = Job(kind, run, 1600)
        self.out[job] = about
        return job

    def receive_result(self, job: Job, result: object) -> None:
        about = self.out.pop(job)
        if job.kind is JobKind.VAD:
            assert isinstance(about, tuple)
            self._judge(*about)
        elif job.kind is JobKind.FINAL:
            self.finals_out -= 1
            assert isinstance(about, tuple)
            number, start, words = about
            if isinstance(result, BaseException):
                self.said.append(Failed("inference_failed", str(result), utterance=number))
            else:
                self.said.append(FinalText(number, start, self.judged, tuple(words), 0.9, "en"))
        else:
            assert isinstance(about, _Request)
            self._speak(about, result)

    def _judge(self, size: int, loud: bool) -> None:
        self.judged += size
        if loud:
            if self.open is None:
                self.open = (self.utterances, self.judged - size, [])
                self.utterances += 1
                self.said.append(SpeechStarted(self.open[0], self.judged - size))
            words = self.open[2]
            words.append(Word(f"w{len(words)}", self.judged - size, self.judged, 0.9))
            self.said.append(CommittedText(self.open[0], (words[-1],)))
            self.said.append(PartialText(self.open[0], "so on", self.judged))
        elif self.open is not None:
            self.inputs.appendleft("")  # an unnamed point: it ends the utterance and is not told

    def _end_utterance(self, jobs: list[Job]) -> None:
        assert self.open is not None
        self.said.append(SpeechStopped(self.open[0], self.judged, self.judged))
        jobs.append(self._job(JobKind.FINAL, self.open))
        self.finals_out += 1
        self.open = None
        if self.inputs and self.inputs[0] == "":
            self.inputs.popleft()

    def _speak(self, request: _Request, result: object) -> None:
        if request not in self.requests:
            return
        if isinstance(result, BaseException):
            self.requests.remove(request)
            self.said.append(Failed("inference_failed", str(result), id=request.id))
            self.said.append(SpeechAudioEnded(request.id, SpeechEnd.FAILED, request.said * FRAME))
            return
        if not request.started:
            request.started = True
            self.said.append(SpeechAudioStarted(request.id, request.voice, VOICE_RATE))
        start = request.said * FRAME
        self.said.append(SpeechAudio(request.id, start, np.full(FRAME, 0.25, np.float32)))
        request.said += 1

    def events(self) -> list[Event]:
        said, self.said = self.said, []
        if self.done and not self.told_end and not self.out:
            self.told_end = True
            said.append(InputEnded(self.position))
        return said


class ManualClock:
    """Time that stands until a test moves it on."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + seconds, next(self._numbers), future))
        await future

    def __len__(self) -> int:
        """How many sleep."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Moves time on, waking each sleeper at its time."""
        until = self.time + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            self.time = at
            if not future.done():
                future.set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)
        self.time = until


@contextlib.asynccontextmanager
async def running_server(
    backend: Backend | None = None,
    *,
    clock: ManualClock | None = None,
    token: str | None = None,
    allowed_origins: tuple[str, ...] = (),
    workers: int = 4,
    **limits: Any,
) -> AsyncIterator[VoiceServer]:
    """A real server on a loopback port of its own, ready."""
    options = ServerOptions(
        port=0, token=token, allowed_origins=allowed_origins, workers=workers, limits=Limits(**limits)
    )
    chosen = backend or FakeBackend()
    server = VoiceServer(options, lambda: chosen, clock=clock)
    task = asyncio.create_task(server.run())
    try:
        await asyncio.wait_for(server.ready.wait(), 10)
        yield server
    finally:
        await server.stop(0.0)
        await task


class Client:
    """A WebSocket client that speaks the protocol's words and checks the numbering."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.next_seq = 0
        self.binary: list[bytes] = []

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def send_audio(self, *chunks: bytes) -> None:
        for chunk in chunks:
            await self.socket.send(chunk)

    async def start(self, **fields: Any) -> wire.Ready:
        await self.send(type="start", **fields)
        return await self.expect(wire.Ready)

    async def receive(self) -> wire.AnyServerMessage:
        """The next JSON message; binary ones before it go to `binary`."""
        while True:
            data = await asyncio.wait_for(self.socket.recv(), 10)
            if isinstance(data, bytes):
                self.binary.append(data)
                continue
            message = wire.decode_server(data)
            assert message.seq == self.next_seq, "server messages are numbered without gaps"
            self.next_seq += 1
            return message

    async def expect(self, kind: type[MessageT]) -> MessageT:
        """Reads on until a message of that kind."""
        while True:
            message = await self.receive()
            if isinstance(message, kind):
                return message
            assert not isinstance(message, wire.ErrorMessage), message

    async def expect_error(self) -> wire.ErrorMessage:
        """Reads on until an error."""
        while not isinstance(message := await self.receive(), wire.ErrorMessage):
            pass
        return message

    async def utter(self) -> wire.FinalMessage:
        """One utterance of two words, heard to its end."""
        await self.send_audio(LOUD, LOUD, QUIET)
        final = await self.expect(wire.FinalMessage)
        assert final.text == "w0 w1"
        return final

    async def utter_more(self) -> wire.FinalMessage:
        """Ends an utterance that was begun."""
        await self.send_audio(LOUD, QUIET)
        return await self.expect(wire.FinalMessage)

    async def close_code(self) -> int | None:
        """Reads until the server closes."""
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                data = await asyncio.wait_for(self.socket.recv(), 10)
                if isinstance(data, str):
                    self.next_seq += 1
        return self.socket.close_code


@contextlib.asynccontextmanager
async def connect(server: VoiceServer | str, path: str = "", **options: Any) -> AsyncIterator[Client]:
    """A client of the server's (or URL's) stream; options as of `websockets.connect`."""
    base = server if isinstance(server, str) else server.url
    url = base.replace("http://", "ws://") + "/v1/stream" + path
    async with websockets.connect(url, compression=None, **options) as socket:
        yield Client(socket)


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits for a condition that nothing announces."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def sample(server: VoiceServer, name: str, **labels: str) -> float:
    return server.metrics.registry.get_sample_value(f"voxduct_{name}", labels) or 0.0
