"""Who may connect: the token, the page's origin, and the name the server was called by.

Three attackers are kept out: a stranger who can reach the port (token), a web page that the user happens to visit
(Origin), and a page whose host name was re-pointed at this machine (Host, when there is no token to stop it).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from voxduct.server.limits import LOOPBACK_NAMES, ServerOptions
from voxduct.wire import SUBPROTOCOL

TOKEN_SUBPROTOCOL = "token."
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a client that is not let in."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None


def check_request(
    options: ServerOptions, headers: Mapping[str, str], subprotocols: Sequence[str] = ()
) -> Refusal | None:
    """None when a request with these headers (lower-case names) may go on."""
    return (
        _check_host(options, headers) or _check_origin(options, headers) or _check_token(options, headers, subprotocols)
    )


def choose_subprotocol(offered: Sequence[str]) -> str | None:
    """The subprotocol to accept a WebSocket with."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _check_host(options: ServerOptions, headers: Mapping[str, str]) -> Refusal | None:
    if options.token is not None:
        return None  # a re-pointed page does not have it
    host = headers.get("host", "")
    names = LOOPBACK_NAMES | {options.host} | {urlsplit(origin).hostname for origin in options.allowed_origins}
    if urlsplit(f"//{host}").hostname in names:
        return None
    return Refusal(403, "bad_host", f"this server has no token and answers only as localhost, not as {host!r:.80}")


def _check_origin(options: ServerOptions, headers: Mapping[str, str]) -> Refusal | None:
    origin = headers.get("origin")
    if origin is None:  # not a browser
        return None
    if origin.lower().rstrip("/") in {allowed.lower().rstrip("/") for allowed in options.allowed_origins}:
        return None
    if _authority(origin) is not None and _authority(origin) == _authority(
        f"{urlsplit(origin).scheme}://{headers.get('host', '')}"
    ):
        return None
    return Refusal(403, "bad_origin", f"pages from {origin!r:.80} may not connect; add it to the allowed origins")


def _authority(url: str) -> tuple[str, int | None] | None:
    """Host and port of a URL, with the scheme's default port made explicit."""
    try:
        parts = urlsplit(url.lower())
        port = parts.port
    except ValueError:
        return None
    return (parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)) if parts.hostname else None


def _check_token(options: ServerOptions, headers: Mapping[str, str], subprotocols: Sequence[str]) -> Refusal | None:
    if options.token is None:
        return None
    expected = options.token.encode()
    presented = _presented_tokens(headers, subprotocols)
    matches = [hmac.compare_digest(token, expected) for token in presented]  # each in constant time
    if any(matches):
        return None
    if presented:
        return Refusal(401, "bad_token", "the token is not the one this server expects")
    return Refusal(401, "no_token", "this server needs a token: `Authorization: Bearer TOKEN`, see docs/protocol.md")


def _presented_tokens(headers: Mapping[str, str], subprotocols: Sequence[str]) -> list[bytes]:
    tokens = []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        tokens.append(value.strip().encode())
    for name in subprotocols:
        if name.startswith(TOKEN_SUBPROTOCOL):
            encoded = name.removeprefix(TOKEN_SUBPROTOCOL)
            try:
                tokens.append(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True))
            except binascii.Error:
                tokens.append(b"")  # presented, and wrong
    return tokens
