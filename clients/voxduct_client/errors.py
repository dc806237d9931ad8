"""What can go wrong between a client and its server, or between a client and its sound devices.

VoxductError
├── ConnectionRefused     the server could not be reached, or refused the session; `retry` says whether to try again
├── ConnectionLost        an open session ended without `stopped`; `close_code` and `draining` say how
├── SessionRefused        the server answered with a fatal error; `code` is the server's
├── DeviceError           a microphone or loudspeaker that cannot be used
├── FileError             a sound file that cannot be read or written
├── ClientError
│   └── VoiceRefused      a voice that the server does not make, show or delete; `code` is the server's
└── ServerError
    └── SequenceGap       the server's messages do not count up: some were lost
"""

from __future__ import annotations

from voxduct.errors import ClientError, ServerError, VoxductError


class ConnectionRefused(VoxductError):
    """The server could not be reached, or would not open a session."""

    code = "connection_refused"

    def __init__(self, message: str, *, retry: bool, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry = retry
        """Whether the same attempt may succeed later."""
        self.retry_after = retry_after
        """Seconds the server asked to wait, if it did."""


class ConnectionLost(VoxductError):
    """An open session ended before the server said `stopped`."""

    code = "connection_lost"

    def __init__(self, message: str, *, close_code: int | None = None, draining: bool = False) -> None:
        super().__init__(message)
        self.close_code = close_code
        """The WebSocket's close code; None when there was no close handshake."""
        self.draining = draining
        """Whether the server had announced that it goes away."""


class SessionRefused(VoxductError):
    """The server ended the session with a fatal error; `code` is the server's own."""


class DeviceError(VoxductError):
    """A sound device that is missing, ambiguous or cannot be opened."""

    code = "bad_device"


class FileError(VoxductError):
    """A sound file that cannot be read or written."""

    code = "bad_file"


class VoiceRefused(ClientError):
    """The server does not make this voice, has none of that name, or does not delete it; `code` is its own."""


class SequenceGap(ServerError):
    """The server's message numbers have a gap: what was said in between is unknown."""

    code = "sequence_gap"
