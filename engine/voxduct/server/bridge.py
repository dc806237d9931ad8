"""What a server asks of a bridge to another protocol (`voxduct.bridges`), and what a bridge may ask of the server."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from voxduct.events import Event

log = logging.getLogger(__name__)


class Bridge(Protocol):
    """Is told everything that every session hears and says. All calls are on the event loop and return at once."""

    def publish_event(self, session_id: str, event: Event) -> None:
        """A session said something."""

    def session_closed(self, session_id: str) -> None:
        """A session is over, however it ended."""

    async def run(self) -> None:
        """Does the bridge's work until cancelled."""


class Bridges:
    """All bridges of a server. A bridge that fails is logged and forgotten; the server goes on without it."""

    def __init__(self, bridges: tuple[Bridge, ...] = ()) -> None:
        self._bridges = list(bridges)

    def add(self, bridge: Bridge) -> None:
        """Another one; before `run`."""
        self._bridges.append(bridge)

    def publish_event(self, session_id: str, event: Event) -> None:
        """Tells all of them."""
        for bridge in self._bridges:
            bridge.publish_event(session_id, event)

    def session_closed(self, session_id: str) -> None:
        """Tells all of them."""
        for bridge in self._bridges:
            bridge.session_closed(session_id)

    async def run(self) -> None:
        """Runs all of them until cancelled; returns early when there is none."""
        async with asyncio.TaskGroup() as group:
            for bridge in list(self._bridges):
                group.create_task(self._run(bridge), name=f"server.bridge.{type(bridge).__name__}")

    async def _run(self, bridge: Bridge) -> None:
        try:
            await bridge.run()
        except Exception:  # whatever another protocol's library raises must not end the sessions
            log.exception("the bridge %s failed; going on without it", type(bridge).__name__)
            self._bridges.remove(bridge)
