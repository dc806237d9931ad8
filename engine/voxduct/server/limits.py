"""What a server is told to be, and what it allows."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field

from voxduct.errors import ServerError

DEFAULT_PORT = 8765
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class ServeError(ServerError):
    """The server cannot be started the way it was asked to be."""

    code = "bad_server_options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may use; `ready` states those that a client can act on."""

    max_message_bytes: int = 256 * 1024
    """Bytes of one message; a bigger one is refused with an `error`, the session goes on."""
    max_text_chars: int = 20_000
    """Characters of one `say`."""
    max_sessions: int = 32
    """Sessions at once; one more is refused with 503."""
    max_session_s: float = 8 * 3600.0
    """Seconds a session may last; what was heard by then is finished first."""
    idle_timeout_s: float = 120.0
    """Seconds without any message in either direction after which a session is ended."""
    max_backlog_s: float = 30.0
    """Seconds of audio that may wait for the models; beyond it the socket is not read."""
    max_unsent_speech_s: float = 2.0
    """Seconds of speech that may wait to be sent; beyond it no more is computed."""
    max_unsent_messages: int = 256
    """Messages that may wait to be sent (partials apart); beyond it the socket is not read."""
    slow_client_s: float = 15.0
    """Seconds the bound above may stay exceeded before the client is told `slow_client` and closed."""
    max_markers: int = 64
    """Markers that may wait for their echo."""
    max_queue_delay_s: float = 2.0
    """Seconds that jobs may wait for a thread before new sessions are refused with 503."""
    max_firm_load: float = 0.8
    """Share of the threads' time that VAD and final passes may take before new sessions are refused with 503. Updates
    come less often under load and make room; these two cannot, so that beyond it finals would be late."""
    max_clip_bytes: int = 12 * 1024 * 1024
    """Bytes of a request to make a voice: a minute of 48 kHz stereo WAV."""
    max_enrolments: int = 2
    """Voices made at once, their clips in memory; one more is refused with 503."""
    upload_s: float = 60.0
    """Seconds that a clip may take to arrive."""
    drain_s: float = 10.0
    """Seconds for finishing what is open when the server goes away, or a client did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where to listen, whom to let in, what to allow.

    Raises:
        ServeError: an address that others can reach, without a token.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """TCP port; 0 takes any free one."""
    token: str | None = None
    """What clients must present; None only on a loopback address."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (`https://captions.example.org`) of pages that may connect, besides the server's own page."""
    workers: int = field(default_factory=lambda: max(1, os.cpu_count() or 1))
    """Threads that run models."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token is not None and not self.token.strip():
            raise ServeError("the token is empty; give one that cannot be guessed", param="token")
        if self.token is None and not is_loopback(self.host):
            raise ServeError(
                f"refusing to listen on {self.host} without a token: anyone who can reach it could use it; set a token "
                "or listen on 127.0.0.1",
                param="host",
            )
        if not 0 <= self.port <= 65_535:
            raise ServeError(f"port {self.port} is not between 0 and 65535", param="port")
        if self.workers < 1:
            raise ServeError(f"{self.workers} worker threads cannot run anything; give at least 1", param="workers")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; names other than `localhost` are taken as reachable."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
