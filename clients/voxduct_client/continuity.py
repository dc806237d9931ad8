"""What a client that outlives its connections may be told, and what says that a connection is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voxduct.errors import VoxductError
from voxduct_client.client_wire import Received
from voxduct_client.errors import ConnectionLost, ConnectionRefused, SequenceGap, SessionRefused

HOPELESS_CODES = frozenset(
    {"bad_audio", "bad_message", "codec_version", "message_too_big", "unknown_voice", "unsupported_version"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectOptions:
    """How a `ReconnectingClient` keeps going."""

    replay_s: float = 60.0
    """Seconds of sent audio kept to be heard again, and seconds of unsent audio accepted while there is no server."""
    first_delay_s: float = 0.5
    longest_delay_s: float = 8.0
    give_up_s: float | None = 300.0
    """Seconds without a session after which iterating raises; None goes on trying."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended; a new one is being sought."""

    reason: str
    draining: bool


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A new session goes on where the old one was not final."""

    offline_s: float
    replayed_s: float
    """Audio that the new session hears again."""
    lost_s: float
    """Audio of an open utterance that was no longer kept."""
    abandoned: tuple[int, ...]
    """Utterances that get no `final`: forget their text, it comes again under a new number."""
    interrupted: tuple[str, ...]
    """Speech requests that were cut off; ask again if they still matter."""


Message: TypeAlias = Received | Disconnected | Reconnected


def worth_retrying(error: VoxductError) -> bool:
    """Whether the same client may do better in a new session."""
    match error:
        case ConnectionRefused():
            return error.retry
        case SessionRefused():
            return error.code not in HOPELESS_CODES
        case ConnectionLost() | SequenceGap():
            return True
        case _:
            return False
