"""MQTT: finals and speech states out, say commands in. Topics and payloads: docs/mqtt.md.

<base>/<node>/status                             online | offline, retained
<base>/<node>/session/<id>/transcript/final      JSON, one an utterance
<base>/<node>/session/<id>/vad                   ON | OFF
<base>/<node>/tts/say                            JSON command, heard
<base>/<node>/error                              JSON, why a command was not obeyed
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiomqtt
import msgspec

from voxduct.bridges.mqtt_messages import SayCommand, bridge_error, decode_say, transcript
from voxduct.bridges.mqtt_options import MqttOptions, topic_level
from voxduct.bridges.mqtt_queue import Publication, PublicationQueue
from voxduct.errors import MessageError
from voxduct.events import Event, FinalText, InputEnded, SpeechStarted, SpeechStopped

ONLINE, OFFLINE = b"online", b"offline"
QOS_AT_LEAST_ONCE = 1
FAREWELL_S = 2.0  # for saying `offline` when stopped

log = logging.getLogger("voxduct.mqtt")


@dataclass(slots=True)
class MqttCounters:
    """What the bridge did since it was made."""

    connections: int = 0
    published: int = 0
    says: int = 0
    refused_says: int = 0


class MqttBridge:
    """One server's connection to one broker; `run` it once. Use it on one event loop.

    Finals are delivered at least once: they wait for the broker's receipt, and for the broker, up to
    `max_queued_finals`.
    """

    def __init__(self, options: MqttOptions, on_say: Callable[[SayCommand], None]) -> None:
        self.counters = MqttCounters()
        self.connected = asyncio.Event()
        """The broker has said that it takes commands for us."""
        self._options = options
        self._on_say = on_say
        self._queue = PublicationQueue(options.max_queued_finals, options.max_queued_states)
        self._finals = 0
        self._speaking: set[str] = set()

    @property
    def dropped_finals(self) -> int:
        """Finals that no broker ever got."""
        return self._queue.dropped_finals

    @property
    def queued(self) -> int:
        """Messages that wait for the broker."""
        return len(self._queue)

    def publish_event(self, session_id: str, event: Event) -> None:
        """Queues what the event is on MQTT, if it is anything. Never waits; call it on the event loop."""
        match event:
            case FinalText():
                if event.text:
                    final = transcript(session_id, self._finals, event)
                    self._finals += 1
                    self._add(session_id, "transcript/final", msgspec.json.encode(final), final=True)
            case SpeechStarted():
                self._set_speech(session_id, speaking=True)
            case SpeechStopped() | InputEnded():
                self._set_speech(session_id, speaking=False)
            case _:
                pass

    def session_closed(self, session_id: str) -> None:
        """The session is no more: its speech state must not stay ON."""
        self._set_speech(session_id, speaking=False)

    async def run(self) -> None:
        """Keeps connected until cancelled; then says `offline`."""
        attempts = 0
        while True:
            try:
                await self._stay_connected()
            except aiomqtt.MqttError as error:
                attempts = 0 if self.connected.is_set() else attempts + 1
                self.connected.clear()
                delay = self._delay(attempts)
                log.warning("MQTT broker %s: %s; trying again in %.1f s", self._options.host, error, delay)
                await asyncio.sleep(delay)

    async def _stay_connected(self) -> None:
        """One connection; returns only by an exception."""
        async with self._client() as client:
            await client.subscribe(self._topic("tts/say"), qos=QOS_AT_LEAST_ONCE)
            await self._announce(client, ONLINE)
            self.counters.connections += 1
            self.connected.set()
            log.info("MQTT broker %s: connected as %s", self._options.host, self._options.root)
            publisher = asyncio.create_task(self._publish(client), name="mqtt: publish")
            listener = asyncio.create_task(self._listen(client), name="mqtt: listen")
            try:
                done, _ = await asyncio.wait({publisher, listener}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            except asyncio.CancelledError:
                self.connected.clear()
                await _cancel(publisher, listener)
                await self._farewell(client)
                raise
            finally:
                await _cancel(publisher, listener)

    def _client(self) -> aiomqtt.Client:
        options = self._options
        return aiomqtt.Client(
            options.host,
            options.port,
            username=options.username,
            password=options.password,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(self._topic("status"), OFFLINE, qos=QOS_AT_LEAST_ONCE, retain=True),
            keepalive=options.keepalive_s,
            max_queued_incoming_messages=options.max_queued_says,
            max_queued_outgoing_messages=options.max_queued_says,
            tls_context=ssl.create_default_context() if options.tls else None,
            logger=log,
        )

    async def _announce(self, client: aiomqtt.Client, status: bytes) -> None:
        await client.publish(self._topic("status"), status, qos=QOS_AT_LEAST_ONCE, retain=True)

    async def _farewell(self, client: aiomqtt.Client) -> None:
        """Delivers what waits and says `offline`, as far as that goes quickly."""
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self.queued:
                    await self._publish_one(client)
                await self._announce(client, OFFLINE)

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            await self._publish_one(client)

    async def _publish_one(self, client: aiomqtt.Client) -> None:
        publication = await self._queue.head()
        await client.publish(publication.topic, publication.payload, qos=QOS_AT_LEAST_ONCE)
        self._queue.remove(publication)
        self.counters.published += 1

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self._hear(message)

    def _hear(self, message: aiomqtt.Message) -> None:
        """Obeys one command, or publishes why not; whatever is wrong with it, the bridge lives."""
        command: SayCommand | None = None
        try:
            if message.retain:
                raise MessageError("a retained command is not obeyed: it would be spoken at every start")
            command = decode_say(message.payload, self._options.max_payload_bytes)
            self._on_say(command)
            self.counters.says += 1
        except Exception as error:  # one bad command, or one failing session, must not end the bridge
            self.counters.refused_says += 1
            refusal = bridge_error(error, command.id if command is not None else None)
            if refusal.code == "internal":
                log.exception("a say command failed")
            self._queue.add(Publication(self._topic("error"), msgspec.json.encode(refusal), final=False))

    def _set_speech(self, session_id: str, *, speaking: bool) -> None:
        if speaking == (session_id in self._speaking):
            return
        if speaking:
            self._speaking.add(session_id)
        else:
            self._speaking.discard(session_id)
        self._add(session_id, "vad", b"ON" if speaking else b"OFF", final=False)

    def _add(self, session_id: str, name: str, payload: bytes, *, final: bool) -> None:
        topic = self._topic(f"session/{topic_level(session_id)}/{name}")
        self._queue.add(Publication(topic, payload, final))

    def _topic(self, name: str) -> str:
        return f"{self._options.root}/{name}"

    def _delay(self, attempts: int) -> float:
        """Doubling up to the longest, shortened by up to half at random: many bridges must not return at once."""
        full = min(self._options.longest_delay_s, self._options.first_delay_s * 2.0 ** min(attempts, 32))
        return random.uniform(full / 2, full)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
