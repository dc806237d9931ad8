"""The commands `file` and `mic`: sound to a server, captions from it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from voxduct.audio import Samples
from voxduct_client.captions import CaptionWriter, choose_captions
from voxduct_client.devices import find_microphone, microphones
from voxduct_client.files import SoundFile
from voxduct_client.microphone import Microphone
from voxduct_client.options import ClientOptions
from voxduct_client.reconnecting import ReconnectingClient

FAST_PING_TIMEOUT_S = 600.0  # a server that is given a whole file at once does not read while it is behind


@dataclass(frozen=True, slots=True)
class Target:
    """Which server, and how it lets us in."""

    url: str
    token: str | None


async def hear_file(
    target: Target,
    path: Path,
    *,
    fast: bool,
    json: bool,
    revisions: bool,
    codec: str | None,
    interrupted: asyncio.Event,
) -> None:
    """Streams a file as a microphone would, or as fast as the server takes it; as PCM, or as a codec's codes."""
    with SoundFile(path) as file:
        options = _options(target, file.sample_rate, revisions, codec)
        if fast:
            options = replace(options, ping_timeout_s=FAST_PING_TIMEOUT_S)
        chunks = _paced(file, interrupted, fast=fast)
        await _hear(target, options, chunks, choose_captions(sys.stdout, json=json))


async def hear_microphone(
    target: Target, device: str | None, *, json: bool, revisions: bool, codec: str | None, interrupted: asyncio.Event
) -> None:
    """Streams a microphone until it is interrupted; says on stderr when sound was lost."""
    with Microphone(find_microphone(device)) as microphone:
        options = _options(target, microphone.sample_rate, revisions, codec)
        stopping = asyncio.create_task(_stop_when(interrupted, microphone), name="voxduct client: wait for Ctrl-C")
        try:
            captions = choose_captions(sys.stdout, json=json)
            await _hear(target, options, aiter(microphone), captions)
        finally:
            stopping.cancel()
            if microphone.overflows:
                print(
                    f"voxduct-client: {microphone.overflows} blocks of sound were lost (overflow); "
                    "is the machine or the network too slow?",
                    file=sys.stderr,
                )


def list_microphones() -> None:
    """Prints the input devices, the default one marked."""
    for device in microphones():
        mark = "*" if device.default else " "
        print(f"{mark} {device.index:3d}  {device.name}  ({device.channels} channels, {device.sample_rate} Hz)")


def _options(target: Target, sample_rate: int, revisions: bool, codec: str | None) -> ClientOptions:
    return ClientOptions(token=target.token, sample_rate=sample_rate, revisions=revisions, audio_codec=codec)


async def _hear(
    target: Target,
    options: ClientOptions,
    chunks: AsyncIterator[Samples],
    captions: CaptionWriter,
) -> None:
    async with ReconnectingClient(target.url, options=options) as client:
        sender = asyncio.create_task(_send(client, chunks), name="voxduct client: send sound")
        try:
            async for message in client:
                captions.show(message)
            await sender
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            captions.finish()


async def _send(client: ReconnectingClient, chunks: AsyncIterator[Samples]) -> None:
    """Sends until the source ends, one way or another; the server then finishes what it has."""
    try:
        async for chunk in chunks:
            await client.send_audio(chunk)
    finally:
        await client.send_stop()


async def _paced(file: SoundFile, interrupted: asyncio.Event, *, fast: bool) -> AsyncIterator[Samples]:
    """The file's chunks until Ctrl-C, each when a microphone would have delivered it; `fast` does not wait."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    for chunk in file:
        sent += len(chunk)
        if not fast:
            await asyncio.sleep(began + sent / file.sample_rate - loop.time())
        if interrupted.is_set():
            break
        yield chunk


async def _stop_when(interrupted: asyncio.Event, microphone: Microphone) -> None:
    await interrupted.wait()
    microphone.stop()
