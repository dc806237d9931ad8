"""A scripted server on loopback: it speaks the protocol, and hears an utterance in every so many samples."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Self

import msgspec
import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve

from voxduct import wire

RATE = 16_000
UTTERANCE = 1600  # samples of one utterance of the fake
VOICE_RATE = 24_000


class Talk:
    """One connection's server side."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.heard = bytearray()
        self.messages: list[wire.ClientMessage] = []
        self.finals = 0
        self.revisions = False
        self._seq = itertools.count()

    @property
    def samples(self) -> int:
        return len(self.heard) // 2

    async def send(self, message: wire.ServerMessage, seq: int | None = None) -> None:
        number = next(self._seq) if seq is None else seq
        await self.socket.send(wire.encode(msgspec.structs.replace(message, seq=number)))

    async def receive(self) -> wire.ClientMessage | bytes:
        data = await self.socket.recv()
        if isinstance(data, bytes):
            self.heard += data
            return data
        message = wire.decode_client(data)
        self.messages.append(message)
        return message

    async def open(self) -> wire.Start:
        start = await self.receive()
        assert isinstance(start, wire.Start)
        self.revisions = start.revisions
        await self.send(
            wire.Ready(
                session="s",
                voices=["ann"],
                voice_sample_rate=VOICE_RATE,
                max_message_bytes=65_536,
                max_session_s=3600,
                idle_timeout_s=60,
                revisions=start.revisions,
            )
        )
        return start

    async def utter(self, first: int, last: int) -> None:
        """The events of one utterance; its one word names the sample values it was heard in."""
        pcm = np.frombuffer(self.heard, dtype="<i2")[first:last]
        text = f"{pcm[0]}-{pcm[-1]}" if len(pcm) else "nothing"
        start, end, number = first / RATE, last / RATE, self.finals
        word = wire.WireWord(word=text, start=start, end=end, probability=1.0)
        self.finals += 1
        await self.send(wire.SpeechStartedMessage(utterance=number, time=start))
        await self.send(wire.PartialMessage(utterance=number, text="maybe", time=end))
        await self.send(wire.CommittedMessage(utterance=number, text=text, words=[word]))
        await self.send(wire.SpeechStoppedMessage(utterance=number, time=end, decided=end))
        await self.send(
            wire.FinalMessage(
                utterance=number, text=text, start=start, end=end, words=[word], confidence=0.9, language="en"
            )
        )
        if self.revisions:
            word = msgspec.structs.replace(word, word=f"about-{text}")
            await self.send(
                wire.RevisedMessage(
                    utterance=number,
                    version=1,
                    text=word.word,
                    start=start,
                    end=end,
                    words=[word],
                    confidence=1.0,
                    language="en",
                )
            )

    async def say(self, id: str, chunks: list[bytes], reason: str = "completed") -> None:
        await self.send(wire.SpeechAudioStartMessage(id=id, voice="ann", sample_rate=VOICE_RATE))
        for chunk in chunks:
            await self.socket.send(chunk)
        samples = sum(map(len, chunks)) // 2
        await self.send(wire.SpeechAudioEndMessage(id=id, reason=reason, samples=samples))


async def recognise(talk: Talk, break_after: int | None = None) -> None:
    """Hears an utterance in every `UTTERANCE` samples; breaks the connection after so many samples."""
    await talk.open()
    done, text = 0, ""
    while True:
        match await talk.receive():
            case bytes():
                while talk.samples - done >= UTTERANCE:
                    await talk.utter(done, done + UTTERANCE)
                    done += UTTERANCE
                if break_after is not None and talk.samples >= break_after:
                    talk.socket.transport.abort()
            case wire.Marker(id=id):
                if talk.samples > done:
                    await talk.utter(done, talk.samples)
                    done = talk.samples
                await talk.send(wire.MarkerEcho(id=id, time=talk.samples / RATE))
            case wire.Say() as say:
                text += say.text
                if say.final:
                    await talk.say(say.id, [text.encode("utf-16-le")])
                    text = ""
            case wire.Stop():
                if talk.samples > done:
                    await talk.utter(done, talk.samples)
                await talk.send(wire.Stopped(time=talk.samples / RATE))
                return await talk.socket.close(1000)
            case _:
                pass


class FakeServer:
    """Serves each connection with the next script; the last script serves all further ones."""

    def __init__(self, *scripts: Callable[[Talk], Awaitable[None]]) -> None:
        self.talks: list[Talk] = []
        self._scripts = scripts or (recognise,)
        self._server: Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/v1/stream"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await serve(self._handle, "127.0.0.1", self._port, compression=None, max_size=None)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            for talk in self.talks:
                talk.socket.transport.abort()
            self._server.close()
            await self._server.wait_closed()

    async def _handle(self, socket: ServerConnection) -> None:
        talk = Talk(socket)
        self.talks.append(talk)
        script = self._scripts[min(len(self.talks), len(self._scripts)) - 1]
        await script(talk)


def counting(samples: int, first: int = 1) -> bytes:
    """PCM whose values count up, so that what was heard names where it came from."""
    return np.arange(first, first + samples, dtype="<i2").tobytes()


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - polls what has no event
            await asyncio.sleep(0.005)
