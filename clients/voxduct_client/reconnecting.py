"""A client that outlives its connections.

    async with ReconnectingClient(url, sample_rate=48_000) as client:
        await client.send_audio(pcm)       # returns once the audio is kept, whether there is a connection or not
        async for message in client: ...   # also Disconnected and Reconnected; times and utterances go on counting

Audio that no `final` covers is kept and heard again by the next session, so an utterance that a broken connection cut
in two is recognised whole. The limits of this promise are in docs/clients.md.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from voxduct import wire
from voxduct.audio import SAMPLE_RATE, AudioFormat, Encoding
from voxduct.errors import MessageError, VoxductError
from voxduct_client.backoff import Backoff
from voxduct_client.client import Client, stalled
from voxduct_client.client_wire import AudioData, to_bytes
from voxduct_client.continuity import Disconnected, Message, Reconnected, ReconnectOptions, worth_retrying
from voxduct_client.errors import ConnectionLost, ConnectionRefused, SessionRefused
from voxduct_client.inbox import Inbox
from voxduct_client.options import DEFAULT_URL, ClientOptions, resolve_url
from voxduct_client.outgoing import Outgoing, SendAudio, SendMarker, SendStop
from voxduct_client.timeline import Timeline

MAX_TRACKED_REQUESTS = 1024
STOP_WAITER = ""  # no marker may have this id


class ReconnectingClient:
    """Like `Client`, over as many connections as it takes; an async context manager and an async iterator.

    Entering raises what `Client` raises: the first connection must succeed. Iterating ends after `stop`, and raises
    what ended the last session when there is no use in trying again.
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
        reconnect: ReconnectOptions | None = None,
    ) -> None:
        self.url = resolve_url(url)
        self.options = options or ClientOptions(
            token=token, sample_rate=sample_rate, encoding=Encoding(encoding), voice=voice
        )
        self.reconnect = reconnect or ReconnectOptions()
        self._format = AudioFormat(self.options.sample_rate, self.options.encoding)
        self._outgoing = Outgoing(self._format, self.reconnect.replay_s)
        self._timeline = Timeline()
        self._backoff = Backoff(self.reconnect.first_delay_s, self.reconnect.longest_delay_s)
        self._inbox: Inbox[Message] = Inbox(self.options.max_inbox)
        self._waiters: dict[str, asyncio.Future[Any]] = {}
        self._marker_ids = itertools.count()
        self._requests: dict[str, None] = {}
        self._changed = asyncio.Condition()
        self._client: Client | None = None
        self._runner: asyncio.Task[None] | None = None
        self._error: VoxductError | None = None

    @property
    def waiting_s(self) -> float:
        """Seconds of accepted audio that no server has got yet."""
        return self._outgoing.waiting_s

    @property
    def connected(self) -> bool:
        """Whether there is a session now."""
        return self._client is not None

    async def __aenter__(self) -> Self:
        client = Client(self.url, options=self.options)
        await client.__aenter__()
        self._client = client
        self._runner = asyncio.create_task(self._run(client), name="voxduct client: keep connected")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session now. Use `stop` first to get everything."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])
        await self._end(ConnectionLost("the session was closed"), None)

    async def send_audio(self, data: AudioData) -> None:
        """Accepts sound in the declared format: it will be sent, and sent again, until it is final.

        Waits while `replay_s` seconds are unsent already. Cancelled, it may have accepted a part.

        Raises:
            AudioFormatError: not whole samples of mono sound. The error that ended the last session, after it ended.
        """
        rest = to_bytes(data, self._format)
        while rest:
            self._check_open()
            before = len(rest)
            rest = self._outgoing.add_audio(rest)
            async with self._changed:
                self._changed.notify_all()
                if len(rest) == before:
                    await self._changed.wait()

    async def say(
        self, text: str, *, id: str = "say", voice: str | None = None, seed: int = 0, final: bool = True
    ) -> None:
        """Asks for speech; waits for a connection. What a lost connection cut off is named by `Reconnected`."""
        client = await self._online()
        while len(self._requests) >= MAX_TRACKED_REQUESTS:
            self._requests.pop(next(iter(self._requests)))
        self._requests[id] = None
        await client.say(text, id=id, voice=voice, seed=seed, final=final)

    async def cancel(self, id: str | None = None) -> None:
        """Stops the speech of one request, or of all. Without a connection nothing is being spoken."""
        if self._client is not None:
            await self._client.cancel(id)

    async def marker(self, id: str | None = None) -> wire.MarkerEcho:
        """Returns once all audio accepted before it is final."""
        self._check_open()
        name = id or f"marker-{next(self._marker_ids)}"
        try:
            echo: wire.MarkerEcho = await self._request(name, lambda: self._outgoing.add_marker(name))
            return echo
        finally:
            self._outgoing.remove_marker(name)

    async def stop(self) -> wire.Stopped:
        """Ends the input; returns once everything accepted is final. The messages stay to be read."""
        self._check_open()
        stopped: wire.Stopped = await self._request(STOP_WAITER, self._outgoing.stop)
        return stopped

    async def send_stop(self) -> None:
        """Ends the input and does not wait; iterate until the end. Calling it again does nothing."""
        self._outgoing.stop()
        async with self._changed:
            self._changed.notify_all()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        return await self._inbox.get()

    # --- one session after the other ------------------------------------------------------------------------------

    async def _run(self, client: Client) -> None:
        while True:
            error = await self._serve(client)
            await self._set_client(None)
            await client.close()
            if error is None:
                return await self._end(None, None)
            if not worth_retrying(error):
                return await self._end(error, error)
            draining = isinstance(error, ConnectionLost) and error.draining
            await self._inbox.put(Disconnected(str(error), draining))
            try:
                client, offline_s = await self._connect_again()
            except VoxductError as refused:
                return await self._end(refused, refused)
            await self._inbox.put(self._restart(offline_s))
            await self._set_client(client)

    async def _serve(self, client: Client) -> VoxductError | None:
        """Sends and reads until the session ends; returns why, or None after `stopped`."""
        sender = asyncio.create_task(self._send_pending(client), name="voxduct client: send")
        try:
            async for message in client:
                await self._deliver(self._timeline.rewrite(message))
        except VoxductError as error:
            return error
        finally:
            sender.cancel()
            await asyncio.wait([sender])
        return None

    async def _send_pending(self, client: Client) -> None:
        """Sends what is queued, until the connection ends or the server drains (then the next session gets it)."""
        try:
            while not client.draining:
                async with self._changed:
                    while (step := self._outgoing.next_step()) is None:
                        await self._changed.wait()
                    self._changed.notify_all()
                match step:
                    case SendAudio(data):
                        await client.send_audio(data)
                    case SendMarker(id):
                        await client.send_marker(id)
                    case SendStop():
                        await client.send_stop()
        except ConnectionLost:
            pass  # whoever reads gets the same error and acts on it

    async def _connect_again(self) -> tuple[Client, float]:
        began = time.monotonic()
        at_least: float | None = None
        while True:
            await asyncio.sleep(self._backoff.next_delay(at_least))
            client = Client(self.url, options=self.options)
            try:
                await client.__aenter__()
                return client, time.monotonic() - began
            except (ConnectionRefused, SessionRefused) as error:
                limit = self.reconnect.give_up_s
                if not worth_retrying(error) or (limit is not None and time.monotonic() - began > limit):
                    raise
                at_least = error.retry_after if isinstance(error, ConnectionRefused) else None

    def _restart(self, offline_s: float) -> Reconnected:
        listening = self._timeline.listening
        at_s, replayed_s, gone_s = self._outgoing.restart()
        abandoned = self._timeline.restart(at_s)
        interrupted, self._requests = tuple(self._requests), {}
        return Reconnected(offline_s, replayed_s, gone_s if listening else 0.0, abandoned, interrupted)

    async def _deliver(self, message: Message) -> None:
        match message:
            case wire.MarkerEcho():
                self._outgoing.remove_marker(message.id)
                self._resolve(message.id, message)
            case wire.SpeechAudioEndMessage() | wire.ErrorMessage() if message.id is not None:
                self._requests.pop(message.id, None)
            case wire.FinalMessage():
                self._backoff.reset()
            case _:
                pass
        self._outgoing.release(self._timeline.final_until_s)
        await self._inbox.deliver(message, self.options.stall_s, self._fail_stalled)
        if isinstance(message, wire.Stopped):
            self._resolve(STOP_WAITER, message)

    # --- who waits ------------------------------------------------------------------------------------------------

    async def _request(self, id: str, add: Callable[[], None]) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiters[id] = future
        add()
        async with self._changed:
            self._changed.notify_all()
        try:
            return await future
        finally:
            self._waiters.pop(id, None)

    def _resolve(self, id: str, message: wire.ServerMessage) -> None:
        future = self._waiters.get(id)
        if future is not None and not future.done():
            future.set_result(message)

    async def _online(self) -> Client:
        async with self._changed:
            await self._changed.wait_for(lambda: self._client is not None or self._error is not None)
        self._check_open()
        assert self._client is not None
        return self._client

    async def _set_client(self, client: Client | None) -> None:
        async with self._changed:
            self._client = client
            self._changed.notify_all()

    async def _end(self, error: VoxductError | None, inbox_error: VoxductError | None) -> None:
        """No more sessions: everybody who waits is told."""
        self._error = self._error or error or ConnectionLost("the session has ended")
        self._fail_waiters(self._error)
        await self._set_client(None)
        await self._inbox.close(inbox_error)

    def _fail_stalled(self) -> None:
        self._fail_waiters(stalled(self.options.max_inbox))

    def _fail_waiters(self, error: VoxductError) -> None:
        for future in self._waiters.values():
            if not future.done():
                future.set_exception(error)

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._outgoing.stopping:
            raise MessageError("the input was ended by `stop`; open a new client")
