"""Opening the WebSocket to a server, and saying in words why that failed."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)

from voxduct_client.errors import ConnectionLost, ConnectionRefused
from voxduct_client.options import ClientOptions, is_loopback

MAX_MESSAGE_BYTES = 1 << 20
PING_INTERVAL_S = 10.0
RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
SERVICE_RESTART = 1012  # the close code of a server that drains


async def open_connection(url: str, options: ClientOptions) -> ClientConnection:
    """The open WebSocket. Compression is off (PCM does not compress), and so is the proxy for loopback.

    Raises:
        ConnectionRefused: there is no server, or it refused.
    """
    headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
    try:
        return await connect(
            url,
            additional_headers=headers,
            compression=None,
            proxy=None if is_loopback(url) else True,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=options.connect_timeout_s,
            close_timeout=options.close_timeout_s,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=options.ping_timeout_s,
        )
    except InvalidStatus as error:
        raise _refusal(url, error) from error
    except InvalidURI as error:
        raise ConnectionRefused(f"{url} is no server address: {error}", retry=False) from error
    except (InvalidHandshake, InvalidMessage, WebSocketException) as error:
        message = f"what answers at {url} is no voxduct server ({error}); check host and port"
        raise ConnectionRefused(message, retry=True) from error
    except (OSError, TimeoutError, EOFError) as error:
        raise ConnectionRefused(unreachable(url, error), retry=True) from error


def lost(error: ConnectionClosed, draining: bool) -> ConnectionLost:
    """The end of an open session, in words."""
    received = error.rcvd
    if received is None:
        return ConnectionLost("the connection to the server broke; check the network and the server's log")
    draining = draining or received.code == SERVICE_RESTART
    why = "the server is going away" if draining else "the server closed the session"
    reason = f": {received.reason}" if received.reason else ""
    message = f"{why} (close code {received.code}{reason})"
    return ConnectionLost(message, close_code=received.code, draining=draining)


def _refusal(url: str, error: InvalidStatus) -> ConnectionRefused:
    status = error.response.status_code
    retry_after = error.response.headers.get("Retry-After", "")
    match status:
        case 401 | 403:
            message = f"{url} refused the token (HTTP {status}); pass the server's token with --token or VOXDUCT_TOKEN"
        case 404:
            message = f"{url} is not a voxduct session (HTTP 404); check the address's path"
        case 503:
            message = f"{url} takes no more sessions now (HTTP 503); try again later"
        case _:
            message = f"{url} refused the session (HTTP {status})"
    seconds = float(retry_after) if retry_after.isdigit() else None
    return ConnectionRefused(message, retry=status in RETRY_STATUSES, retry_after=seconds)


def unreachable(url: str, error: Exception) -> str:
    """Why nobody answers, in words."""
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return f"no answer from {url} in time; check host, port and firewall"
    start = "start one with: voxduct serve" if is_loopback(url) else "check host and port, and that it runs"
    return f"no server at {url} ({error.__class__.__name__}); {start}"
