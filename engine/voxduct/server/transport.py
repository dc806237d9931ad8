"""uvicorn's WebSocket, with four more promises about peers that do not read.

Little waits in the kernel, where `cancel` cannot drop it; a close is sent even when the write buffer is full; a
socket whose peer reads nothing more is aborted soon after its handler returned; and a flood of pings cannot grow the
write buffer.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import MutableMapping
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "voxduct.unblock_writes"
ABORT_AFTER_S = 15.0  # after the handler returned; the closing handshake has 10 s
SEND_BUFFER = 64 * 1024  # bytes asked of the kernel (Linux doubles it): about 2 s of speech; left alone it takes MBs
MAX_WRITE_BUFFER = 1024 * 1024  # bytes


class WebSocketTransport(WebSocketsSansIOProtocol):
    """Give it to uvicorn as `ws=`."""

    abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """A socket is ours."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def handle_connect(self, event: Request) -> None:
        """Offers `unblock_writes` to the application."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: Any = self.scope["extensions"]
            extensions[EXTENSION] = {"unblock": self.writable.set}

    def handle_ping(self) -> None:
        """Answers a ping, unless the peer leaves its answers unread."""
        if self.transport.get_write_buffer_size() > MAX_WRITE_BUFFER:
            self.transport.abort()
            return
        super().handle_ping()

    async def run_asgi(self) -> None:
        """Runs the application, then gives the peer a last while to read."""
        await super().run_asgi()
        if not self.disconnected:
            self.abort_timer = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket has gone."""
        if self.abort_timer is not None:
            self.abort_timer.cancel()
        super().connection_lost(exc)


def unblock_writes(scope: MutableMapping[str, Any]) -> None:
    """Lets sends go on although the peer does not read; use it for the last few messages only."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    if extension is not None:
        extension["unblock"]()
