"""A session with a Voxduct server.

    async with Client("ws://127.0.0.1:8765", sample_rate=48_000) as client:
        await client.send_audio(pcm)
        await client.stop()
        async for message in client:
            ...

Messages are those of `voxduct.wire`, and speech comes as `SpeechChunk`. One task may send while another reads.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from voxduct import wire
from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding
from voxduct.errors import LimitError, VoxductError
from voxduct_client.client_wire import AudioData, ClientWire, CodedSpeech, Received, SessionState
from voxduct_client.coding import Coding
from voxduct_client.connection import lost, open_connection
from voxduct_client.errors import ConnectionLost, ConnectionRefused, SessionRefused
from voxduct_client.inbox import Inbox
from voxduct_client.options import DEFAULT_URL, ClientOptions, resolve_url

BAD_PROTOCOL = 1002  # close code: the server broke the protocol


class Client:
    """One session on one connection; an async context manager and an async iterator.

    Iterating ends after `stopped`. It raises ConnectionLost when the connection ends before that, SessionRefused after
    a fatal error of the server, SequenceGap when messages were lost. `marker` and `stop` wait for the server's answer
    while messages gather for the reader, up to `max_inbox`; read in another task when more than that may come.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        sample_rate: int = SAMPLE_RATE,
        encoding: Encoding | str = Encoding.S16LE,
        voice: str | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        self.url = resolve_url(url)
        self.options = options or ClientOptions(
            token=token, sample_rate=sample_rate, encoding=Encoding(encoding), voice=voice
        )
        audio_format = AudioFormat(self.options.sample_rate, self.options.encoding)
        self._wire = ClientWire(self.options.start(), audio_format)
        self._coding: Coding | None = None
        self._encoding = asyncio.Lock()  # packets must be sent in the order in which they were made
        self._inbox: Inbox[Received] = Inbox(self.options.max_inbox)
        self._markers: dict[str, asyncio.Future[wire.MarkerEcho]] = {}
        self._stopped: asyncio.Future[wire.Stopped] | None = None
        self._marker_ids = itertools.count()
        self._connection: ClientConnection | None = None
        self._ready: wire.Ready | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def ready(self) -> wire.Ready:
        """What the server said when the session opened: voices, rates, limits."""
        if self._ready is None:
            raise ConnectionLost("the session is not open; use `async with Client(...)`")
        return self._ready

    @property
    def draining(self) -> bool:
        """Whether the server announced that it goes away."""
        return self._wire.draining

    async def __aenter__(self) -> Self:
        try:
            if self.options.audio_codec is not None or self.options.speech_codec is not None:
                await self._load_codecs()
            self._connection = await open_connection(self.url, self.options)
            self._ready = await self._handshake(self._connection)
        except BaseException:  # cancelled, too: nobody else would close the connection
            await self.close()
            raise
        self._reader = asyncio.create_task(self._read(self._connection), name="voxduct client: read")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session now; what the server has not said yet is lost. Use `stop` first to get everything."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._connection is not None:
            await self._connection.close()
        if self._coding is not None:
            self._coding.close()
        self._fail_waiters(ConnectionLost("the session was closed"))
        await self._inbox.close()

    async def send_audio(self, data: AudioData) -> None:
        """Sends sound in the declared format (float32 and int16 arrays are converted), in pieces the server takes.

        Waits while the server takes no more. Cancelled, it may have sent a part.

        Raises:
            AudioFormatError: not whole samples of mono sound. ConnectionLost: the session has ended.
        """
        pcm = self._wire.audio(data)
        size = self._wire.format.encoding.sample_bytes
        piece = max(size, self.ready.max_message_bytes // size * size)
        for start in range(0, len(pcm), piece):
            if self._coding is not None and self._coding.encodes:
                await self._send_packets(partial(self._coding.encode, pcm[start : start + piece]))
            else:
                await self._send(pcm[start : start + piece])

    async def say(
        self, text: str, *, id: str = "say", voice: str | None = None, seed: int = 0, final: bool = True
    ) -> None:
        """Asks for speech. With `final` false, more text of the same `id` follows."""
        message = wire.Say(text=text, id=id, voice=voice, seed=seed, final=final)
        await self._send(self._wire.message(message))

    async def cancel(self, id: str | None = None) -> None:
        """Stops the speech of one request, or of all."""
        await self._send(self._wire.message(wire.Cancel(id=id)))

    async def marker(self, id: str | None = None) -> wire.MarkerEcho:
        """Returns once everything sent before it is final and said. The echo is among the messages too."""
        name = id if id is not None else f"marker-{next(self._marker_ids)}"
        echo: asyncio.Future[wire.MarkerEcho] = asyncio.get_running_loop().create_future()
        self._markers[name] = echo
        try:
            await self.send_marker(name)
            return await echo
        finally:
            self._markers.pop(name, None)

    async def send_marker(self, id: str) -> None:
        """Sends a marker and does not wait; its echo comes among the messages."""
        message = self._wire.message(wire.Marker(id=id))
        if self._coding is not None and self._coding.encodes:
            await self._send_packets(self._coding.end_stretch)
        await self._send(message)

    async def stop(self) -> wire.Stopped:
        """Ends the input and returns once the server has finished everything. The messages stay to be read."""
        self._stopped = asyncio.get_running_loop().create_future()
        await self.send_stop()
        return await self._stopped

    async def send_stop(self) -> None:
        """Ends the input and does not wait; iterate until the end."""
        message = self._wire.stop()
        if self._coding is not None and self._coding.encodes:
            await self._send_packets(self._coding.end)
        await self._send(message)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        return await self._inbox.get()

    # --- packets of codes -----------------------------------------------------------------------------------------

    async def _load_codecs(self) -> None:
        self._coding = Coding(self.options)
        await self._coding.open()
        if self._coding.speech_format is not None:
            self._wire.expect_packets(self._coding.speech_format)

    async def _send_packets(self, encode: Callable[[], Awaitable[list[bytes]]]) -> None:
        async with self._encoding:
            for packet in await encode():
                await self._send(packet)

    # --- the connection -------------------------------------------------------------------------------------------

    async def _handshake(self, connection: ClientConnection) -> wire.Ready:
        try:
            async with asyncio.timeout(self.options.connect_timeout_s):
                await connection.send(self._wire.start())
                message = self._receive(await connection.recv())
        except TimeoutError as error:
            raise ConnectionRefused(
                f"{self.url} did not open a session in time; try again later", retry=True
            ) from error
        except ConnectionClosed as error:
            raise ConnectionRefused(f"{self.url}: {lost(error, False)}", retry=True) from error
        match message:
            case wire.Ready():
                if self._coding is not None:
                    self._coding.check(message)
                await self._inbox.put(message)
                return message
            case wire.ErrorMessage():
                raise SessionRefused(message.message, code=message.code, param=message.param, fatal=True)
            case _:
                raise ConnectionRefused(f"{self.url} did not say `ready`; is it of another version?", retry=False)

    async def _send(self, data: str | bytes) -> None:
        if self._connection is None:
            raise ConnectionLost("the session is not open; use `async with Client(...)`")
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise lost(error, self._wire.draining) from error

    async def _read(self, connection: ClientConnection) -> None:
        """Reads until the end of the session, and says to everybody who waits how it ended."""
        end: VoxductError | None = None
        try:
            while True:
                message = self._receive(await connection.recv())
                if isinstance(message, CodedSpeech):
                    assert self._coding is not None  # it said that packets come
                    message = await self._coding.decode(message)
                await self._deliver(message)
        except ConnectionClosed as error:
            if self._wire.state is not SessionState.STOPPED:
                end = lost(error, self._wire.draining)
        except VoxductError as error:
            end = error
            await connection.close(BAD_PROTOCOL)
        self._fail_waiters(end or ConnectionLost("the session has ended"))
        await self._inbox.close(end)

    def _receive(self, data: str | bytes) -> Received | CodedSpeech:
        return self._wire.receive_text(data) if isinstance(data, str) else self._wire.receive_binary(data)

    async def _deliver(self, message: Received) -> None:
        await self._inbox.deliver(message, self.options.stall_s, self._fail_stalled)
        match message:
            case wire.MarkerEcho() if message.id in self._markers:
                _resolve(self._markers.pop(message.id), message)
            case wire.Stopped() if self._stopped is not None:
                _resolve(self._stopped, message)
            case wire.ErrorMessage() if message.fatal:
                raise SessionRefused(message.message, code=message.code, param=message.param, fatal=True)
            case _:
                pass

    def _fail_stalled(self) -> None:
        self._fail_waiters(stalled(self.options.max_inbox))

    def _fail_waiters(self, error: VoxductError) -> None:
        futures: list[asyncio.Future[Any]] = [*self._markers.values()]
        if self._stopped is not None:
            futures.append(self._stopped)
        for future in futures:
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody may be waiting for it any more
        self._markers.clear()


def stalled(messages: int) -> LimitError:
    """What `marker` and `stop` raise when the answer they wait for is behind messages that nobody reads."""
    return LimitError(
        f"{messages} messages wait and nobody reads them; iterate over the client in another task while you await "
        "`marker` or `stop`"
    )


def _resolve(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)
