"""Which broker, which topics, how much may wait."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from voxduct.errors import MessageError

DEFAULT_BASE = "voxduct"
PORTS = {"mqtt": 1883, "mqtts": 8883}
NOT_IN_LEVEL = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """How an `MqttBridge` connects and what it keeps.

    Raises:
        MessageError: a topic that cannot be published to, a bound that is no bound.
    """

    host: str
    port: int = 1883
    tls: bool = False
    """Verify the broker against the system's certificates."""
    base: str = DEFAULT_BASE
    """First levels of every topic."""
    node: str = field(default_factory=lambda: this_machine())
    """This server's level in every topic; two servers on one broker need two names."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 30
    """The broker tells `offline` when it has heard nothing for one and a half times that."""
    first_delay_s: float = 0.5
    longest_delay_s: float = 8.0
    """Between attempts to reach the broker, before jitter."""
    max_queued_finals: int = 1000
    """Finals kept while there is no broker; beyond that the oldest is dropped and counted."""
    max_queued_states: int = 256
    """The same for speech states and errors."""
    max_queued_says: int = 32
    """Say commands that may wait; beyond that the newest is dropped."""
    max_payload_bytes: int = 16_384
    """A bigger command is refused."""

    def __post_init__(self) -> None:
        levels = [*self.base.split("/"), self.node]
        if any(not level or level.startswith("$") or NOT_IN_LEVEL.search(level) for level in levels):
            raise MessageError(
                f"{self.base}/{self.node} cannot begin a topic; use letters, digits, '.', '_' and '-'", param="mqtt"
            )
        if not 1 <= self.port <= 65_535:
            raise MessageError(f"MQTT port {self.port} is not between 1 and 65535", param="mqtt")
        if min(self.max_queued_finals, self.max_queued_states, self.max_queued_says, self.keepalive_s) < 1:
            raise MessageError("MQTT queues and the keepalive must be at least 1", param="mqtt")

    @classmethod
    def from_url(cls, url: str, *, password: str | None = None) -> MqttOptions:
        """`mqtt[s]://[user[:password]@]host[:port][/base][?node=NAME]`; `password` wins over the URL's.

        Raises:
            MessageError: not such a URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise MessageError(f"not an MQTT address: {error}", param="mqtt") from error
        if parts.scheme not in PORTS or not parts.hostname:
            raise MessageError("not an MQTT address; write mqtt://HOST:PORT/BASE", param="mqtt")
        query = parse_qs(parts.query)
        if unknown := query.keys() - {"node"}:
            raise MessageError(f"MQTT address: {unknown.pop()!r} is not an option; there is: node", param="mqtt")
        url_password = unquote(parts.password) if parts.password else None
        return cls(
            host=parts.hostname,
            port=port if port is not None else PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            base=parts.path.strip("/") or DEFAULT_BASE,
            username=unquote(parts.username) if parts.username else None,
            password=password if password is not None else url_password,
            node=query["node"][-1] if "node" in query else this_machine(),
        )

    @property
    def root(self) -> str:
        """What every topic of this server begins with."""
        return f"{self.base}/{self.node}"


def this_machine() -> str:
    """The machine's name as one level of a topic."""
    return topic_level(socket.gethostname())


def topic_level(name: str) -> str:
    """A name as one level of a topic: nothing in it that MQTT gives a meaning to."""
    return NOT_IN_LEVEL.sub("-", name).strip("-") or "node"
