"""One socket and its conversation: four tasks that read, run, write and watch the clock."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from voxduct.errors import ServerError
from voxduct.events import Event
from voxduct.models import Job
from voxduct.server.backend import Backend
from voxduct.server.bridge import Bridges
from voxduct.server.clock import Clock
from voxduct.server.dialogue import Dialogue
from voxduct.server.limits import Limits
from voxduct.server.metrics import Metrics
from voxduct.server.scheduler import JobScheduler
from voxduct.server.transport import unblock_writes
from voxduct.wire import CloseCode, Say

TICK_S = 0.25  # how often the clocks are looked at
FAREWELL_S = 2.0  # how long the last words may take when something went wrong

log = logging.getLogger(__name__)


class Connection:
    """An accepted WebSocket. `run` returns when the conversation is over and the socket is closed or given up."""

    def __init__(
        self,
        name: str,
        socket: WebSocket,
        backend: Backend,
        scheduler: JobScheduler,
        limits: Limits,
        metrics: Metrics,
        clock: Clock,
        bridges: Bridges | None = None,
    ) -> None:
        self.name = name
        self._socket = socket
        self._clock = clock
        self._metrics = metrics
        self._lane = scheduler.lane(self._job_done, self._take_turn)
        self._results: deque[tuple[Job, object]] = deque()
        self._resulted = asyncio.Event()
        self._sendable = asyncio.Event()
        self._roomy = asyncio.Event()
        self._over = asyncio.Event()
        self._gone = False
        self._bridges = bridges or Bridges()
        self._dialogue = Dialogue(
            name,
            backend,
            limits,
            metrics,
            submit=self._lane.submit,
            now=clock.now,
            observe=self._observe,
            want_update=self._lane.want_update,
            relaxed=lambda: scheduler.pace.relaxed,
        )

    async def run(self) -> None:
        """Holds the conversation. An error of ours ends this one only, with a fatal `error` and close 1011."""
        how = "cancelled"
        self._metrics.sessions.inc()
        log.info("session %s: opened", self.name)
        try:
            await self._hold()
            how = self._dialogue.ending.how if self._dialogue.ending is not None else "left"
        except* Exception as failures:
            how = "internal"
            log.exception("session %s: failed", self.name, exc_info=failures)
            await self._apologise()
        finally:
            self._lane.close()
            self._bridges.session_closed(self.name)
            self._metrics.sessions.dec()
            self._metrics.ended.labels(how).inc()
            log.info("session %s: over (%s), %d utterances", self.name, how, self._dialogue.timeline.utterances)

    def speak(self, say: Say) -> None:
        """Makes the client hear something it did not ask for; raises ClientError when that cannot be."""
        self._dialogue.speak(say)
        self._wake()

    def _observe(self, event: Event) -> None:
        self._bridges.publish_event(self.name, event)

    def drain(self, seconds: float) -> None:
        """The server goes away; the conversation is finished within so many seconds."""
        self._dialogue.drain(seconds)
        self._wake()

    async def _hold(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._read(), name=f"{self.name}.reader"),
                group.create_task(self._pump(), name=f"{self.name}.pump"),
                group.create_task(self._write(), name=f"{self.name}.writer"),
                group.create_task(self._watch(), name=f"{self.name}.watch"),
            ]
            await self._over.wait()
            for task in tasks:
                task.cancel()

    async def _read(self) -> None:
        while True:
            while self._dialogue.congested and not self._dialogue.finished:
                self._roomy.clear()
                await self._roomy.wait()
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._leave()
                return
            self._dialogue.receive(_payload(message))
            self._wake()
            await asyncio.sleep(0)  # many small messages in one packet must not hold the loop

    async def _pump(self) -> None:
        while True:
            await self._resulted.wait()
            self._resulted.clear()
            while self._results:
                self._dialogue.receive_result(*self._results.popleft())
            self._wake()

    async def _write(self) -> None:
        while True:
            message = None if self._gone else self._dialogue.next_message()
            if message is not None:
                await self._send(message)
                self._dialogue.sent()
                self._roomy.set()
            elif self._dialogue.finished:
                break
            else:
                self._sendable.clear()
                await self._sendable.wait()
        if not self._gone:
            await self._close()
        self._over.set()

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(TICK_S)
            if self._dialogue.tick():
                unblock_writes(self._socket.scope)
            self._wake()

    def _job_done(self, job: Job, result: object) -> None:
        self._results.append((job, result))
        self._resulted.set()

    def _take_turn(self) -> None:
        self._dialogue.take_turn()
        self._wake()

    def _wake(self) -> None:
        """Something may have changed: the writer and a waiting reader look again."""
        if self._dialogue.talkative:
            self._sendable.set()
        self._roomy.set()

    def _leave(self) -> None:
        self._gone = True
        self._dialogue.leave()
        self._wake()

    async def _send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                await self._socket.send_text(message)
            else:
                await self._socket.send_bytes(message)
        except (WebSocketDisconnect, OSError):
            self._leave()

    async def _close(self) -> None:
        ending = self._dialogue.ending
        assert ending is not None  # a finished dialogue has one
        try:
            await self._socket.close(ending.code, ending.how)
        except (WebSocketDisconnect, OSError):
            self._leave()

    async def _apologise(self) -> None:
        unblock_writes(self._socket.scope)
        error = ServerError("the server failed in this session and has logged why; connect again")
        try:
            async with asyncio.timeout(FAREWELL_S):
                message = self._dialogue.last_words(error)
                if message is not None:
                    await self._send(message)
                await self._socket.close(CloseCode.INTERNAL, "internal")
        except (WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
            pass  # it has gone already


def _payload(message: Any) -> str | bytes:
    """The text or bytes of an ASGI `websocket.receive`."""
    text: str | None = message.get("text")
    data: bytes | None = message.get("bytes")
    return text if text is not None else data or b""
