"""The sessions of a server: who may come in, who is in, and how all of them leave."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol

from voxduct.errors import MessageError
from voxduct.server.access import Refusal
from voxduct.server.limits import Limits
from voxduct.wire import Say

RETRY_AFTER_S = 5


class ServerState(StrEnum):
    """What the server can do now."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"


class Drainable(Protocol):
    """A connection, as far as the registry knows it."""

    def drain(self, seconds: float) -> None:
        """Finish within so many seconds."""

    def speak(self, say: Say) -> None:
        """Make the client hear this; raises ClientError when that cannot be."""


class Registry:
    """Open connections, by name. Used on the event loop's thread."""

    def __init__(
        self, limits: Limits, queue_delay: Callable[[], float], firm_load: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.state = ServerState.LOADING
        self._limits = limits
        self._queue_delay = queue_delay
        self._firm_load = firm_load
        self._open: dict[str, Drainable] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Drainable]:
        return iter(list(self._open.values()))

    def named(self, name: str) -> Drainable:
        """The connection of that name; raises MessageError when there is none."""
        try:
            return self._open[name]
        except KeyError:
            raise MessageError(f"no session {name!r:.60} is open", code="unknown_session", param="session") from None

    def refusal(self) -> Refusal | None:
        """Why no new session can be taken now; None when one can."""
        if self.state is ServerState.LOADING:
            return Refusal(503, "not_ready", "the models are being loaded; see /readyz", RETRY_AFTER_S)
        if self.state is ServerState.DRAINING:
            return Refusal(503, "draining", "the server is going away; try another, or later", RETRY_AFTER_S)
        if len(self._open) >= self._limits.max_sessions:
            return Refusal(503, "too_many_sessions", f"{len(self._open)} sessions are open already", RETRY_AFTER_S)
        delay = self._queue_delay()
        if delay > self._limits.max_queue_delay_s:
            return Refusal(503, "overloaded", f"jobs wait {delay:.1f} s for a processor", RETRY_AFTER_S)
        load = self._firm_load()
        if load > self._limits.max_firm_load:
            return Refusal(
                503, "overloaded", f"{load:.0%} of the threads' time is needed for final texts", RETRY_AFTER_S
            )
        return None

    def new_name(self) -> str:
        """A name for a session that no other has."""
        return secrets.token_hex(6)

    def enter(self, name: str, connection: Drainable) -> None:
        """A connection was accepted."""
        self._open[name] = connection
        self._empty.clear()

    def leave(self, name: str) -> None:
        """A connection is over."""
        self._open.pop(name, None)
        if not self._open:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Takes in nobody more and finishes all; returns when all have left, or a little after the seconds."""
        self.state = ServerState.DRAINING
        for connection in self:
            connection.drain(seconds)
        try:
            async with asyncio.timeout(seconds + 2.0):
                await self._empty.wait()
        except TimeoutError:
            pass  # what is left is closed by the server's shutdown
