"""The command `say`: text to a server, its speech to the loudspeaker or a file."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from voxduct import wire
from voxduct.errors import VoxductError
from voxduct_client.client import Client
from voxduct_client.client_wire import SpeechChunk
from voxduct_client.errors import ConnectionLost, SessionRefused
from voxduct_client.files import WaveWriter
from voxduct_client.hear import Target
from voxduct_client.options import ClientOptions
from voxduct_client.speaker import Speaker

REQUEST = "say"
PIECE_CHARS = 4096
STDIN_BYTES = 4096
MAX_WAITING_CHUNKS = 8192  # of speech that the loudspeaker has not taken yet; minutes of it


class Sink(Protocol):
    """Where speech goes."""

    async def take(self, chunk: SpeechChunk) -> None:
        """The next speech."""


class SpeakerSink:
    """Speech to the loudspeaker."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    async def take(self, chunk: SpeechChunk) -> None:
        """Plays it."""
        await self._speaker.play(chunk.pcm, chunk.sample_rate)


class FileSink:
    """Speech to a file."""

    def __init__(self, writer: WaveWriter) -> None:
        self._writer = writer

    async def take(self, chunk: SpeechChunk) -> None:
        """Appends it."""
        self._writer.write(chunk.pcm, chunk.sample_rate)


async def speak(
    target: Target,
    text: str,
    *,
    output: Path | None,
    voice: str | None,
    seed: int,
    codec: str | None,
    interrupted: asyncio.Event,
) -> None:
    """Says the text (`-`: what stdin brings, as it comes) and returns when all was heard or written."""
    options = ClientOptions(token=target.token, voice=voice, speech_codec=codec)
    if output is not None:
        with WaveWriter(output) as writer:
            await _speak(target.url, options, text, FileSink(writer), seed, interrupted)
        return
    speaker = Speaker()
    try:
        await _speak(target.url, options, text, SpeakerSink(speaker), seed, interrupted)
        if not interrupted.is_set():
            await speaker.drain()
    finally:
        speaker.close()


async def _speak(
    url: str, options: ClientOptions, text: str, sink: Sink, seed: int, interrupted: asyncio.Event
) -> None:
    pieces = _stdin_pieces() if text == "-" else _text_pieces(text)
    async with Client(url, options=options) as client:
        speech: asyncio.Queue[SpeechChunk | None] = asyncio.Queue(MAX_WAITING_CHUNKS)
        jobs = [
            asyncio.create_task(_receive(client, speech), name="voxduct client: receive speech"),
            asyncio.create_task(_deliver(speech, sink), name="voxduct client: deliver speech"),
        ]
        helpers = [
            asyncio.create_task(_send(client, pieces, seed), name="voxduct client: send text"),
            asyncio.create_task(_cancel_when(interrupted, client, jobs), name="voxduct client: wait for Ctrl-C"),
        ]
        try:
            await _all(jobs, helpers)
        finally:
            for task in (*jobs, *helpers):
                task.cancel()
            await asyncio.gather(*jobs, *helpers, return_exceptions=True)


async def _all(jobs: list[asyncio.Task[None]], helpers: list[asyncio.Task[None]]) -> None:
    """Waits for the jobs; an error of any task ends it. A job that was cancelled counts as done."""
    waiting = {*jobs, *helpers}
    while any(not job.done() for job in jobs):
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in sorted(done, key=lambda task: task in helpers):  # what the server said explains a failed send
            if not task.cancelled():
                task.result()


async def _send(client: Client, pieces: AsyncIterator[tuple[str, bool]], seed: int) -> None:
    with contextlib.suppress(ConnectionLost):  # the receiver gets the same, and knows more
        async for piece, final in pieces:
            await client.say(piece, id=REQUEST, seed=seed, final=final)


async def _receive(client: Client, speech: asyncio.Queue[SpeechChunk | None]) -> None:
    """Puts the request's speech into the queue, and None at its end."""
    async for message in client:
        match message:
            case SpeechChunk():
                await speech.put(message)
            case wire.SpeechAudioEndMessage(reason="failed"):
                raise VoxductError("the server failed to speak this; its log says why")
            case wire.ErrorMessage():
                raise SessionRefused(message.message, code=message.code, param=message.param)
            case wire.SpeechAudioEndMessage():
                await speech.put(None)
                await client.send_stop()
            case _:
                pass


async def _deliver(speech: asyncio.Queue[SpeechChunk | None], sink: Sink) -> None:
    while (chunk := await speech.get()) is not None:
        await sink.take(chunk)


async def _cancel_when(interrupted: asyncio.Event, client: Client, jobs: list[asyncio.Task[None]]) -> None:
    """Ctrl-C: the server stops speaking, and so does the loudspeaker."""
    await interrupted.wait()
    with contextlib.suppress(ConnectionLost):
        await client.cancel(REQUEST)
    await client.close()
    for job in jobs:
        job.cancel()


async def _text_pieces(text: str) -> AsyncIterator[tuple[str, bool]]:
    for start in range(0, len(text), PIECE_CHARS):
        yield text[start : start + PIECE_CHARS], start + PIECE_CHARS >= len(text)


async def _stdin_pieces() -> AsyncIterator[tuple[str, bool]]:
    """What arrives on stdin, decoded as UTF-8, when it arrives; the last piece is empty and final."""
    pieces: asyncio.Queue[bytes] = asyncio.Queue(1)
    loop = asyncio.get_running_loop()

    def read() -> None:
        """On its own thread: a read of stdin cannot be cancelled."""
        with contextlib.suppress(RuntimeError, asyncio.CancelledError):  # the program ended meanwhile
            while data := os.read(0, STDIN_BYTES):
                asyncio.run_coroutine_threadsafe(pieces.put(data), loop).result()
            asyncio.run_coroutine_threadsafe(pieces.put(b""), loop).result()

    threading.Thread(target=read, name="voxduct client: stdin", daemon=True).start()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while data := await pieces.get():
        if text := decoder.decode(data):
            yield text, False
    yield decoder.decode(b"", final=True), True
