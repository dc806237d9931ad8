"""A server with the MQTT bridge: what its sessions hear is published, what is commanded is spoken to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bridges.broker import Broker
from tests.bridges.test_mqtt import Listener, listening, options
from tests.server.fakes import LOUD, QUIET, FakeBackend, connect
from voxduct import wire
from voxduct.cli.mqtt import attach_mqtt
from voxduct.server.limits import ServerOptions
from voxduct.server.serve import VoiceServer


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


@contextlib.asynccontextmanager
async def running(broker: Broker) -> AsyncIterator[tuple[VoiceServer, Listener]]:
    async with listening(broker) as listener:
        server = VoiceServer(ServerOptions(port=0, workers=1), FakeBackend)
        attach_mqtt(server, options(broker))
        task = asyncio.create_task(server.run())
        async with asyncio.timeout(10):
            await server.ready.wait()
        assert await listener.expect("status") == b"online"
        yield server, listener
        await server.stop()
        await task
        assert await listener.expect("status") == b"offline"


async def test_mqtt_server_publishes_what_a_session_hears(broker: Broker) -> None:
    async with running(broker) as (server, listener), connect(server) as client:
        ready = await client.start()
        await client.send_audio(LOUD, LOUD, QUIET)
        topic = f"session/{ready.session}"
        assert await listener.expect(f"{topic}/vad") == b"ON"
        assert await listener.expect(f"{topic}/vad") == b"OFF"
        final = json.loads(await listener.expect(f"{topic}/transcript/final"))
        assert (final["text"], final["session"], final["start"]) == ("w0 w1", ready.session, 0.0)


async def test_mqtt_server_speaks_to_the_named_session_or_to_all(broker: Broker) -> None:
    async with running(broker) as (server, listener), connect(server) as first, connect(server) as second:
        session = (await first.start()).session
        await second.start()
        await listener.say(json.dumps({"text": "hi", "voice": "bob", "id": "one", "session": session}))
        assert (await first.expect(wire.SpeechAudioStartMessage)).voice == "bob"
        await first.expect(wire.SpeechAudioEndMessage)
        await listener.say('{"text": "all", "id": "two"}')
        for client in (first, second):
            assert (await client.expect(wire.SpeechAudioStartMessage)).id == "two"
            assert (await client.expect(wire.SpeechAudioEndMessage)).reason == "completed"


async def test_mqtt_server_answers_what_nobody_can_hear(broker: Broker) -> None:
    async with running(broker) as (server, listener):
        await listener.say('{"text": "hello?", "id": "a"}')
        assert json.loads(await listener.expect("error"))["code"] == "unknown_session"
        await listener.say('{"text": "hello?", "session": "nobody"}')
        assert "nobody" in json.loads(await listener.expect("error"))["message"]
        async with connect(server):  # accepted, but without `start`
            await listener.say('{"text": "hello?"}')
            assert json.loads(await listener.expect("error"))["code"] == "bad_message"


async def test_mqtt_server_that_loses_a_talking_client_says_off(broker: Broker) -> None:
    async with running(broker) as (server, listener):
        async with connect(server) as client:
            ready = await client.start()
            await client.send_audio(LOUD)
            assert await listener.expect(f"session/{ready.session}/vad") == b"ON"
        assert await listener.expect(f"session/{ready.session}/vad") == b"OFF"
