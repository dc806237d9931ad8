"""A client that outlives its connections: nothing accepted is lost, nothing final is heard twice."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable

import pytest

from tests.clients.fake_server import RATE, UTTERANCE, FakeServer, Talk, counting, eventually, recognise
from voxduct import wire
from voxduct_client import (
    ClientOptions,
    Disconnected,
    Message,
    Reconnected,
    ReconnectingClient,
    ReconnectOptions,
    SessionRefused,
)

QUICK = ReconnectOptions(first_delay_s=0.02, longest_delay_s=0.1)


def breaking(samples: int) -> Callable[[Talk], Awaitable[None]]:
    return functools.partial(recognise, break_after=samples)


async def heard(client: ReconnectingClient) -> list[Message]:
    return [message async for message in client]


def finals(messages: list[Message]) -> list[wire.FinalMessage]:
    return [message for message in messages if isinstance(message, wire.FinalMessage)]


async def test_reconnecting_revisions_count_like_the_finals_they_revise() -> None:
    options = ClientOptions(revisions=True)
    async with (
        FakeServer(breaking(4000), recognise) as server,
        ReconnectingClient(server.url, options=options, reconnect=QUICK) as client,
    ):
        reader = asyncio.create_task(heard(client))
        await client.send_audio(counting(5 * UTTERANCE))
        await client.stop()
        messages = await reader
    revised = [message for message in messages if isinstance(message, wire.RevisedMessage)]
    assert len(server.talks) == 2
    assert [one.utterance for one in revised] == list(range(5))
    for final, revision in zip(finals(messages), revised, strict=True):
        assert (revision.utterance, revision.start, revision.end) == (final.utterance, final.start, final.end)
        assert (revision.words[0].start, revision.words[0].end) == (final.words[0].start, final.words[0].end)


async def test_reconnecting_loses_no_audio() -> None:
    total = 10 * UTTERANCE
    scripts = (breaking(4000), breaking(900), breaking(5000), recognise)
    async with FakeServer(*scripts) as server, ReconnectingClient(server.url, reconnect=QUICK) as client:
        reader = asyncio.create_task(heard(client))
        for start in range(0, total, 320):
            await client.send_audio(counting(320, start + 1))
            await asyncio.sleep(0)
        stopped = await client.stop()
        messages = await reader
    edges = [tuple(map(int, message.text.split("-"))) for message in finals(messages)]
    assert edges[0][0] == 1
    assert edges[-1][1] == total
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(edges))
    for message, (first, last) in zip(finals(messages), edges, strict=True):
        assert message.start == pytest.approx((first - 1) / RATE)  # the client's clock goes on
        assert message.end == pytest.approx(last / RATE)
    numbers = [message.utterance for message in finals(messages)]
    assert numbers == sorted(set(numbers))
    assert stopped.time == pytest.approx(total / RATE)
    assert len(server.talks) == 4
    assert sum(isinstance(message, Reconnected) for message in messages) == 3


async def test_reconnecting_while_there_is_no_server_keeps_what_is_said() -> None:
    server = FakeServer()
    await server.start()
    async with ReconnectingClient(server.url, reconnect=QUICK) as client:
        reader = asyncio.create_task(heard(client))
        await client.send_audio(counting(1000))
        await eventually(lambda: server.talks[0].samples == 1000)
        await server.stop()
        await eventually(lambda: not client.connected)
        await client.send_audio(counting(1000, 1001))
        assert client.waiting_s >= 1000 / RATE
        await server.start()
        await client.stop()
        messages = await reader
    await server.stop()
    assert server.talks[-1].heard == counting(2000)
    again = next(message for message in messages if isinstance(message, Reconnected))
    assert again.replayed_s == pytest.approx(1000 / RATE)
    assert again.lost_s == 0


async def test_reconnecting_pending_marker_is_asked_again_behind_its_audio() -> None:
    async def deaf(talk: Talk) -> None:
        await talk.open()
        while not isinstance(await talk.receive(), wire.Marker):
            pass
        talk.socket.transport.abort()

    async with FakeServer(deaf, recognise) as server, ReconnectingClient(server.url, reconnect=QUICK) as client:
        await client.send_audio(counting(700))
        echo = await client.marker("here")
        assert echo.time == pytest.approx(700 / RATE)
        assert server.talks[1].heard == counting(700)


async def test_reconnecting_draining_server_gets_no_more_audio() -> None:
    drained = asyncio.Event()

    async def drain(talk: Talk) -> None:
        await talk.open()
        await talk.receive()
        await talk.send(wire.Draining(deadline_s=5))
        await drained.wait()
        await talk.socket.close(1012)

    async with FakeServer(drain, recognise) as server, ReconnectingClient(server.url, reconnect=QUICK) as client:
        messages = []
        await client.send_audio(counting(320))
        async for message in client:
            messages.append(message)
            if isinstance(message, wire.Draining):
                await client.send_audio(counting(320, 321))
                drained.set()
            if isinstance(message, Reconnected):
                await client.send_stop()
        assert server.talks[0].samples <= 640
        assert server.talks[1].heard == counting(640)
    assert any(isinstance(message, Disconnected) and message.draining for message in messages)


async def test_reconnecting_names_what_was_cut_off() -> None:
    async def cut(talk: Talk) -> None:
        await talk.open()
        await talk.receive()
        await talk.send(wire.SpeechStartedMessage(utterance=0, time=0.01))
        await talk.receive()
        await talk.send(wire.SpeechAudioStartMessage(id="greeting", voice="ann", sample_rate=24_000))
        talk.socket.transport.abort()

    async with FakeServer(cut, recognise) as server, ReconnectingClient(server.url, reconnect=QUICK) as client:
        await client.send_audio(counting(320))
        again = None
        async for message in client:
            if isinstance(message, wire.SpeechStartedMessage) and again is None:
                await client.say("hello", id="greeting")
            if isinstance(message, Reconnected):
                again = message
                await client.send_stop()
            if isinstance(message, wire.FinalMessage):
                assert message.utterance == 1
        assert again is not None
        assert again.interrupted == ("greeting",)
        assert again.abandoned == (0,)
        assert len(server.talks[1].heard) // 2 == 320 - 160  # from where the open utterance began


async def test_reconnecting_does_not_repeat_what_is_hopeless() -> None:
    async def refuse(talk: Talk) -> None:
        await talk.open()
        await talk.send(wire.ErrorMessage(code="bad_message", message="no", fatal=True))
        await talk.socket.close(1008)

    async with FakeServer(refuse) as server, ReconnectingClient(server.url, reconnect=QUICK) as client:
        with pytest.raises(SessionRefused):
            await heard(client)
        with pytest.raises(SessionRefused):
            await client.send_audio(b"\0\0")
        assert len(server.talks) == 1


async def test_reconnecting_gives_up_after_its_time() -> None:
    server = FakeServer(breaking(100))
    await server.start()
    options = ReconnectOptions(first_delay_s=0.01, longest_delay_s=0.02, give_up_s=0.1)
    async with ReconnectingClient(server.url, reconnect=options) as client:
        await server.stop()
        with pytest.raises(Exception, match="no server"):
            await heard(client)


async def test_reconnecting_full_buffer_makes_the_sender_wait() -> None:
    server = FakeServer()
    await server.start()
    options = ReconnectOptions(first_delay_s=0.02, longest_delay_s=0.05, replay_s=0.1)
    async with ReconnectingClient(server.url, reconnect=options) as client:
        reader = asyncio.create_task(heard(client))
        await server.stop()
        await eventually(lambda: not client.connected)
        sender = asyncio.create_task(client.send_audio(counting(5000)))
        await eventually(lambda: client.waiting_s >= 0.1)
        assert not sender.done()
        await server.start()
        await sender
        await client.stop()
        await reader
    await server.stop()
    assert server.talks[-1].heard == counting(5000)
