"""One session of the client against a scripted server."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.clients.fake_server import RATE, FakeServer, Talk, counting
from voxduct import wire
from voxduct.errors import AudioFormatError, LimitError, MessageError
from voxduct_client import (
    Client,
    ClientOptions,
    ConnectionLost,
    ConnectionRefused,
    SequenceGap,
    SessionRefused,
    SpeechChunk,
)


async def test_client_stop_returns_after_everything_is_final() -> None:
    async with FakeServer() as server, Client(server.url) as client:
        assert client.ready.voices == ["ann"]
        await client.send_audio(counting(3200))
        stopped = await client.stop()
        assert stopped.time == 3200 / RATE
        messages = [message async for message in client]
    texts = [message.text for message in messages if isinstance(message, wire.FinalMessage)]
    assert texts == ["1-1600", "1601-3200"]
    assert [message.seq for message in messages if not isinstance(message, SpeechChunk)] == list(range(len(messages)))


async def test_client_start_declares_format_voice_and_token() -> None:
    async with FakeServer() as server:
        async with Client(server.url, token="secret", sample_rate=48_000, encoding="f32le", voice="ann") as client:
            await client.send_audio(np.array([0.5, -0.5], dtype=np.float32))
            await client.stop()
        talk = server.talks[0]
    assert talk.messages[0] == wire.Start(sample_rate=48_000, encoding="f32le", voice="ann")
    assert talk.heard == np.array([0.5, -0.5], dtype="<f4").tobytes()
    request = talk.socket.request
    assert request is not None
    assert request.headers["Authorization"] == "Bearer secret"
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_client_audio_bigger_than_a_message_is_split() -> None:
    async with FakeServer() as server, Client(server.url) as client:
        await client.send_audio(counting(100_000))
        await client.stop()
        assert server.talks[0].heard == counting(100_000)


async def test_client_audio_of_half_a_sample_is_refused() -> None:
    async with FakeServer() as server, Client(server.url) as client:
        with pytest.raises(AudioFormatError):
            await client.send_audio(b"abc")
        with pytest.raises(AudioFormatError):
            await client.send_audio(np.zeros((4, 2), dtype=np.float32))


async def test_client_marker_waits_for_its_echo() -> None:
    async with FakeServer() as server, Client(server.url) as client:
        await client.send_audio(counting(100))
        first, second = await asyncio.gather(client.marker(), client.marker("mine"))
        assert (first.time, second.id) == (100 / RATE, "mine")


async def test_client_speech_belongs_to_the_request_that_speaks() -> None:
    async with FakeServer() as server, Client(server.url) as client:
        await client.say("he", id="a", final=False)
        await client.say("y", id="a")
        await client.say("you", id="b")
        await client.stop()
        chunks = [message async for message in client if isinstance(message, SpeechChunk)]
    assert [(chunk.id, chunk.start, chunk.pcm.decode("utf-16-le")) for chunk in chunks] == [
        ("a", 0, "hey"),
        ("b", 0, "you"),
    ]
    assert chunks[0].sample_rate == 24_000
    assert chunks[0].samples.dtype == np.float32


async def test_client_gap_in_the_numbers_ends_the_session() -> None:
    async def skip(talk: Talk) -> None:
        await talk.open()
        await talk.send(wire.PartialMessage(utterance=0, text="x", time=0.0), seq=5)
        await talk.socket.wait_closed()

    async with FakeServer(skip) as server, Client(server.url) as client:
        with pytest.raises(SequenceGap):
            async for _ in client:
                pass
        await asyncio.wait_for(server.talks[0].socket.wait_closed(), 5)
        assert server.talks[0].socket.close_code == 1002


async def test_client_fatal_error_is_raised_after_it_was_shown() -> None:
    async def refuse(talk: Talk) -> None:
        await talk.open()
        await talk.send(wire.ErrorMessage(code="idle_timeout", message="idle for too long", fatal=True))
        await talk.socket.close(1008)

    async with FakeServer(refuse) as server, Client(server.url) as client:
        assert isinstance(await anext(client), wire.Ready)
        assert isinstance(await anext(client), wire.ErrorMessage)
        with pytest.raises(SessionRefused, match="idle") as caught:
            await anext(client)
        assert caught.value.code == "idle_timeout"


async def test_client_refused_start_is_raised_on_entering() -> None:
    async def refuse(talk: Talk) -> None:
        await talk.receive()
        await talk.send(wire.ErrorMessage(code="unknown_voice", message="no voice 'bob'", param="voice"))
        await talk.socket.wait_closed()

    async with FakeServer(refuse) as server:
        with pytest.raises(SessionRefused, match="bob"):
            async with Client(server.url, voice="bob"):
                pass


async def test_client_lost_connection_fails_whoever_waits() -> None:
    async def vanish(talk: Talk) -> None:
        await talk.open()
        await talk.receive()
        talk.socket.transport.abort()

    async with FakeServer(vanish) as server, Client(server.url) as client:
        with pytest.raises(ConnectionLost):
            await client.marker()
        with pytest.raises(ConnectionLost):
            async for _ in client:
                pass


async def test_client_unread_messages_fail_a_marker_instead_of_hanging() -> None:
    options = ClientOptions(max_inbox=4, stall_s=0.05)
    async with FakeServer() as server, Client(server.url, options=options) as client:
        await client.send_audio(counting(3200))
        with pytest.raises(LimitError, match="nobody reads"):
            await client.marker()


async def test_client_slow_reader_gets_everything() -> None:
    options = ClientOptions(max_inbox=2, stall_s=30)
    async with FakeServer() as server, Client(server.url, options=options) as client:
        sender = asyncio.create_task(client.send_audio(counting(16_000)))
        await sender
        stopping = asyncio.create_task(client.stop())
        finals = 0
        async for message in client:
            await asyncio.sleep(0.001)
            finals += isinstance(message, wire.FinalMessage)
        await stopping
        assert finals == 10


async def test_client_slow_server_makes_the_sender_wait() -> None:
    resume = asyncio.Event()

    async def slow(talk: Talk) -> None:
        await talk.open()
        await resume.wait()
        await recognise_opened(talk)

    async def recognise_opened(talk: Talk) -> None:
        while not isinstance(await talk.receive(), wire.Stop):
            pass
        await talk.send(wire.Stopped(time=talk.samples / RATE))
        await talk.socket.close(1000)

    audio = bytes(32 * 1024 * 1024)  # far beyond what the sockets hold
    async with FakeServer(slow) as server, Client(server.url) as client:
        sender = asyncio.create_task(client.send_audio(audio))
        done, _ = await asyncio.wait([sender], timeout=0.3)
        assert not done
        resume.set()
        await sender
        await client.stop()
        assert len(server.talks[0].heard) == len(audio)


async def test_client_after_stop_sends_nothing() -> None:
    async with FakeServer() as server, Client(server.url) as client:
        await client.stop()
        with pytest.raises(MessageError):
            await client.send_audio(b"\0\0")


async def test_client_without_a_server_is_told_how_to_start_one(unused_tcp_port: int) -> None:
    with pytest.raises(ConnectionRefused, match="voxduct serve") as caught:
        async with Client(f"ws://127.0.0.1:{unused_tcp_port}"):
            pass
    assert caught.value.retry


@pytest.mark.parametrize(
    ("status", "retry", "words"), [(401, False, "token"), (503, True, "no more"), (404, False, "path")]
)
async def test_client_refused_by_http_says_why(status: int, retry: bool, words: str) -> None:
    def refuse(connection: ServerConnection, _: object) -> object:
        response = connection.respond(status, "no")
        response.headers["Retry-After"] = "7"
        return response

    async def never(_: ServerConnection) -> None: ...

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(ConnectionRefused, match=words) as caught:
            async with Client(f"127.0.0.1:{port}"):
                pass
    assert (caught.value.retry, caught.value.retry_after) == (retry, 7.0)


@pytest.mark.parametrize("url", ["ftp://x", "ws://", "ws://h:port", "ws://user:pw@h", "", "ws://[::1"])
def test_client_bad_address_is_refused(url: str) -> None:
    with pytest.raises(MessageError):
        Client(url)


def test_client_address_may_be_short() -> None:
    assert Client("box:9").url == "ws://box:9/v1/stream"
    assert Client("https://box").url == "wss://box/v1/stream"
    assert Client("ws://box/other").url == "ws://box/other"
