"""Clients that vanish or do not read, models that fail, jobs that hang: each hurts itself only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator

import httpx
import websockets

from tests.server.fakes import (
    FRAME,
    LOUD,
    QUIET,
    Client,
    FakeBackend,
    ManualClock,
    connect,
    eventually,
    running_server,
    sample,
)
from voxduct import wire
from voxduct.models import JobKind
from voxduct.server.serve import VoiceServer


class Gate:
    """Holds jobs of one kind on their worker thread until it is opened."""

    def __init__(self, kind: JobKind) -> None:
        self.kind = kind
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, kind: JobKind) -> None:
        if kind is self.kind:
            self.entered.set()
            assert self.opened.wait(30)


async def test_faults_failing_final_fails_its_utterance_only() -> None:
    failures = iter([True, False])

    def fail_once(kind: JobKind) -> None:
        if kind is JobKind.FINAL and next(failures):
            raise RuntimeError("the model broke")

    async with running_server(FakeBackend(fail_once)) as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD, QUIET)
        error = await client.expect_error()
        assert (error.code, error.utterance, error.fatal) == ("inference_failed", 0, False)
        assert (await client.utter()).utterance == 1
        assert sample(server, "job_failures_total", kind="final") == 1


async def test_faults_failing_speech_fails_its_request_only() -> None:
    failures = iter([True])

    def fail_once(kind: JobKind) -> None:
        if kind is JobKind.SPEECH and next(failures, False):
            raise RuntimeError("the model broke")

    async with running_server(FakeBackend(fail_once)) as server, connect(server) as client:
        await client.start()
        await client.send(type="say", id="bad", text="abc")
        await client.send(type="say", id="good", text="abc")
        assert (await client.expect_error()).id == "bad"
        ended = [await client.expect(wire.SpeechAudioEndMessage) for _ in range(2)]
        assert [(end.id, end.reason) for end in ended] == [("bad", "failed"), ("good", "completed")]


async def test_faults_session_that_raises_ends_alone_with_1011() -> None:
    backend = FakeBackend()
    async with running_server(backend) as server, connect(server) as client, connect(server) as neighbour:
        await client.start()
        await neighbour.start()

        def broken() -> list[object]:
            raise RuntimeError("a bug of ours")

        backend.sessions[0].events = broken  # type: ignore[assignment]
        await client.send_audio(LOUD)
        error = await client.expect_error()
        assert (error.code, error.fatal) == ("internal", True)
        assert await client.close_code() == 1011
        await neighbour.utter()
        assert sample(server, "sessions_ended_total", how="internal") == 1


async def test_faults_socket_cut_within_an_utterance_finishes_it_and_frees_the_session() -> None:
    async with running_server() as server, connect(server) as neighbour:
        await neighbour.start()
        async with connect(server) as client:
            await client.start()
            await client.send_audio(LOUD, LOUD)
            await client.expect(wire.CommittedMessage)
            client.socket.transport.abort()  # a reset, no closing handshake
        await eventually(lambda: sample(server, "sessions") == 1)
        assert sample(server, "utterances_total", heard_by="nobody") == 1
        assert sample(server, "sessions_ended_total", how="left") == 1
        await neighbour.utter()


async def test_faults_hanging_job_of_a_client_that_left_is_given_up_at_the_deadline() -> None:
    gate = Gate(JobKind.FINAL)
    clock = ManualClock()
    async with running_server(FakeBackend(gate), clock=clock) as server:
        async with connect(server) as client:
            await client.start()
            await client.send_audio(LOUD, QUIET)
            await asyncio.to_thread(gate.entered.wait, 10)
        await eventually(lambda: len(clock) > 0)
        await clock.advance(11.0)
        await eventually(lambda: sample(server, "sessions") == 0)
        gate.opened.set()


async def test_faults_hanging_job_does_not_hold_the_event_loop() -> None:
    gate = Gate(JobKind.VAD)
    async with running_server(FakeBackend(gate), workers=1) as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD, QUIET)
        await asyncio.to_thread(gate.entered.wait, 10)
        pong = await client.socket.ping()
        await asyncio.wait_for(pong, 5)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{server.url}/health")).status_code == 200
        gate.opened.set()
        assert (await client.expect(wire.FinalMessage)).text == "w0"


async def test_faults_client_faster_than_the_models_is_not_read_and_loses_nothing() -> None:
    gate = Gate(JobKind.VAD)
    backend = FakeBackend(gate)
    async with running_server(backend, max_backlog_s=1.0) as server, connect(server) as client:
        await client.start()
        sending = asyncio.create_task(client.send_audio(*[LOUD] * 200))
        await asyncio.to_thread(gate.entered.wait, 10)
        session = backend.sessions[0]
        await eventually(lambda: session.backlog > 16_000)
        for _ in range(20):
            await asyncio.sleep(0)
        assert session.backlog < 2 * 16_000
        gate.opened.set()
        await sending
        await client.send(type="stop")
        assert len((await client.expect(wire.FinalMessage)).words) == 200


async def test_faults_speech_is_not_made_faster_than_it_is_read() -> None:
    made: list[JobKind] = []
    backend = FakeBackend(made.append)
    async with slow_client(backend) as client:
        await client.start()
        await client.send(type="say", text="a" * 1000)
        await eventually(lambda: backend.sessions[0].paused)
        assert len(made) < 500
        ended = await client.expect(wire.SpeechAudioEndMessage)
        assert ended.samples == 1000 * FRAME
        assert sum(map(len, client.binary)) == 2 * ended.samples


async def test_faults_cancel_drops_speech_that_was_not_sent() -> None:
    backend = FakeBackend()
    async with slow_client(backend) as client:
        await client.start()
        await client.send(type="say", id="long", text="a" * 1000)
        await eventually(lambda: backend.sessions[0].paused)
        await client.send(type="cancel")
        ended = await client.expect(wire.SpeechAudioEndMessage)
        assert ended.reason == "cancelled"
        assert sum(map(len, client.binary)) == 2 * ended.samples
        assert ended.samples < 1000 * FRAME
        await client.utter()


async def test_faults_client_that_never_reads_is_cut_off_and_costs_little() -> None:
    clock = ManualClock()
    async with running_server(clock=clock, max_unsent_messages=8) as server, connect(server) as neighbour:
        await neighbour.start()
        async with connect(server, max_queue=1, sock=small_buffers(server)) as client:
            await client.start()
            flood = asyncio.create_task(flooding(client.socket))
            async with asyncio.timeout(30):
                while sample(server, "sessions_ended_total", how="slow_client") == 0:
                    await asyncio.sleep(0.02)
                    await clock.advance(1.0)
            assert await client.close_code() == 1008
            flood.cancel()
        await neighbour.utter()


async def flooding(target: websockets.ClientConnection) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await target.send("garbage" * 20)
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def slow_client(backend: FakeBackend) -> AsyncIterator[Client]:
    """A server and a client that takes little before it reads."""
    async with running_server(backend) as server, connect(server, max_queue=1, sock=small_buffers(server)) as client:
        yield client


def small_buffers(server: VoiceServer) -> socket.socket:
    """A socket to the server that takes little before it is read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    connection.connect(("127.0.0.1", server.port))
    connection.setblocking(False)
    return connection
