"""The MQTT bridge against a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiomqtt
import pytest

from tests.bridges.broker import Broker
from voxduct.bridges.mqtt import MqttBridge
from voxduct.bridges.mqtt_messages import SayCommand
from voxduct.bridges.mqtt_options import MqttOptions
from voxduct.errors import VoiceError
from voxduct.events import FinalText, InputEnded, PartialText, SpeechStarted, SpeechStopped, Word

ROOT = "voxduct/desk"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


def options(broker: Broker, *, max_queued_finals: int = 100, max_queued_states: int = 100) -> MqttOptions:
    return MqttOptions(
        host="127.0.0.1",
        port=broker.port,
        node="desk",
        first_delay_s=0.02,
        longest_delay_s=0.1,
        max_queued_finals=max_queued_finals,
        max_queued_states=max_queued_states,
    )


@contextlib.asynccontextmanager
async def running(bridge: MqttBridge) -> AsyncIterator[None]:
    task = asyncio.create_task(bridge.run())
    try:
        async with asyncio.timeout(10):
            await bridge.connected.wait()
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Listener:
    """Another MQTT client: hears everything below the root, may publish."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client

    async def expect(self, topic: str) -> bytes:
        """The next message on the topic."""
        async with asyncio.timeout(10):
            async for message in self.client.messages:
                if message.topic.value == f"{ROOT}/{topic}":
                    assert isinstance(message.payload, bytes)
                    return message.payload
        raise AssertionError("no more messages")

    async def say(self, payload: bytes | str, retain: bool = False) -> None:
        await self.client.publish(f"{ROOT}/tts/say", payload, qos=1, retain=retain)


@contextlib.asynccontextmanager
async def listening(broker: Broker) -> AsyncIterator[Listener]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(f"{ROOT}/#", qos=1)
        yield Listener(client)


def final(text: str, start: int = 16_000, end: int = 24_000) -> FinalText:
    words = tuple(Word(word, start, end, 0.9) for word in text.split())
    return FinalText(0, start, end, words, 0.8765432, "en")


def ignore(_: SayCommand) -> None:
    """A server that hears nothing."""


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - polls what has no event
            await asyncio.sleep(0.005)


async def test_mqtt_final_is_published_with_times_in_seconds(broker: Broker) -> None:
    bridge = MqttBridge(options(broker), ignore)
    async with listening(broker) as listener, running(bridge):
        bridge.publish_event("s/1", PartialText(0, "lights", 20_000))
        bridge.publish_event("s/1", final("lights on"))
        bridge.publish_event("s/1", final(""))
        bridge.publish_event("s2", final("again"))
        assert json.loads(await listener.expect("session/s-1/transcript/final")) == {
            "text": "lights on",
            "start": 1.0,
            "end": 1.5,
            "confidence": 0.8765,
            "language": "en",
            "session": "s/1",
            "seq": 0,
        }
        assert json.loads(await listener.expect("session/s2/transcript/final"))["seq"] == 1


async def test_mqtt_final_is_not_retained_and_status_is(broker: Broker) -> None:
    bridge = MqttBridge(options(broker), ignore)
    async with running(bridge):
        bridge.publish_event("s", final("old"))
        await eventually(lambda: bridge.queued == 0)
        async with listening(broker) as late:
            assert await late.expect("status") == b"online"
            bridge.publish_event("s", final("new"))
            assert json.loads(await late.expect("session/s/transcript/final"))["text"] == "new"


async def test_mqtt_speech_state_goes_on_and_off(broker: Broker) -> None:
    bridge = MqttBridge(options(broker), ignore)
    async with listening(broker) as listener, running(bridge):
        bridge.publish_event("s", SpeechStarted(0, 0))
        bridge.publish_event("s", SpeechStopped(0, 10, 20))
        bridge.publish_event("s", InputEnded(30))
        bridge.publish_event("s", SpeechStarted(1, 40))
        bridge.session_closed("s")
        states = [await listener.expect("session/s/vad") for _ in range(4)]
        assert states == [b"ON", b"OFF", b"ON", b"OFF"]


async def test_mqtt_stopped_bridge_says_offline(broker: Broker) -> None:
    async with listening(broker) as listener:
        bridge = MqttBridge(options(broker), ignore)
        async with running(bridge):
            assert await listener.expect("status") == b"online"
            bridge.publish_event("s", final("last words"))
        assert json.loads(await listener.expect("session/s/transcript/final"))["text"] == "last words"
        assert await listener.expect("status") == b"offline"


KILLED = """
import asyncio, sys
from voxduct.bridges.mqtt import MqttBridge
from voxduct.bridges.mqtt_options import MqttOptions
options = MqttOptions(host="127.0.0.1", port=int(sys.argv[1]), node="desk")
asyncio.run(MqttBridge(options, lambda command: None).run())
"""


async def test_mqtt_killed_server_is_reported_offline_by_the_broker(broker: Broker) -> None:
    async with listening(broker) as listener:
        command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}{KILLED}", str(broker.port)]
        process = await asyncio.create_subprocess_exec(*command)
        assert await listener.expect("status") == b"online"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert await listener.expect("status") == b"offline"


async def test_mqtt_broker_restart_delivers_the_finals_of_meanwhile(broker: Broker) -> None:
    bridge = MqttBridge(options(broker, max_queued_finals=3), ignore)
    async with running(bridge):
        await broker.stop()
        await eventually(lambda: not bridge.connected.is_set())
        for number in range(5):
            bridge.publish_event("s", final(f"final {number}"))
        assert (bridge.queued, bridge.dropped_finals) == (3, 2)
        await asyncio.sleep(0)
        async with connected_before(broker, bridge) as listener:
            texts = [json.loads(await listener.expect("session/s/transcript/final")) for _ in range(3)]
        assert [(text["text"], text["seq"]) for text in texts] == [("final 2", 2), ("final 3", 3), ("final 4", 4)]
        assert bridge.counters.connections == 2


@contextlib.asynccontextmanager
async def connected_before(broker: Broker, bridge: MqttBridge) -> AsyncIterator[Listener]:
    """Starts the broker again with a listener on it before the bridge has found it: the bridge is held off."""
    hold = asyncio.Event()
    original = bridge._stay_connected

    async def held() -> None:
        await hold.wait()
        await original()

    bridge._stay_connected = held  # type: ignore[method-assign]
    await broker.start()
    async with listening(broker) as listener:
        hold.set()
        yield listener


async def test_mqtt_say_is_heard(broker: Broker) -> None:
    commands: list[SayCommand] = []
    bridge = MqttBridge(options(broker), commands.append)
    async with listening(broker) as listener, running(bridge):
        await listener.say('{"text": "hello", "voice": "ann", "id": "7", "session": "s"}')
        await listener.say('{"text": "all"}')
        await eventually(lambda: len(commands) == 2)
    assert commands == [SayCommand(text="hello", voice="ann", id="7", session="s"), SayCommand(text="all")]


BAD_PAYLOADS = [
    b"",
    b"hello",
    b"\xff\xfe",
    b"[]",
    b"{}",
    b'{"text": 7}',
    b'{"text": ""}',
    b'{"text": "  "}',
    b'{"text": "x", "speed": 2}',
    b'{"text": "x", "id": null}',
    b'{"text": "' + b"x" * 5000 + b'"}',
    b'{"text": "' + b"x" * 20_000 + b'"}',
    b"[" * 10_000,
]


async def test_mqtt_bad_payload_is_answered_and_survived(broker: Broker) -> None:
    commands: list[SayCommand] = []
    bridge = MqttBridge(options(broker), commands.append)
    async with listening(broker) as listener, running(bridge):
        for payload in BAD_PAYLOADS:
            await listener.say(payload)
            error = json.loads(await listener.expect("error"))
            assert error["code"] in ("bad_message", "limit_exceeded"), payload[:40]
            assert error["message"]
        await listener.say('{"text": "still here"}')
        await eventually(lambda: len(commands) == 1)
    assert bridge.counters.refused_says == len(BAD_PAYLOADS)


async def test_mqtt_failing_server_is_reported_and_survived(broker: Broker) -> None:
    def speak(command: SayCommand) -> None:
        if command.voice:
            raise VoiceError(f"no voice {command.voice!r}", param="voice")
        raise RuntimeError("secret detail")

    bridge = MqttBridge(options(broker), speak)
    async with listening(broker) as listener, running(bridge):
        await listener.say('{"text": "x", "voice": "bob", "id": "1"}')
        assert json.loads(await listener.expect("error")) == {
            "code": "unknown_voice",
            "message": "no voice 'bob'",
            "param": "voice",
            "id": "1",
        }
        await listener.say('{"text": "x"}')
        error = await listener.expect("error")
        assert json.loads(error)["code"] == "internal"
        assert b"secret" not in error


async def test_mqtt_retained_say_is_not_spoken(broker: Broker) -> None:
    commands: list[SayCommand] = []
    async with listening(broker) as listener:
        await listener.say('{"text": "every start"}', retain=True)
        async with running(MqttBridge(options(broker), commands.append)):
            assert "retained" in json.loads(await listener.expect("error"))["message"]
    assert commands == []


async def test_mqtt_without_a_broker_publishing_never_waits(broker: Broker) -> None:
    await broker.stop()
    bridge = MqttBridge(options(broker, max_queued_states=2), ignore)
    task = asyncio.create_task(bridge.run())
    for number in range(100):
        bridge.publish_event("s", SpeechStarted(number, 0))
        bridge.publish_event("s", SpeechStopped(number, 1, 2))
    bridge.publish_event("s", final("kept"))
    assert bridge.queued == 3
    await broker.start()
    await eventually(lambda: bridge.queued == 0)
    task.cancel()
    await asyncio.wait([task])
