"""The clocks of one connection: how long it may be silent, last, wind down, or leave its messages unread."""

from __future__ import annotations

from voxduct.errors import LimitError
from voxduct.server.limits import Limits


class Watch:
    """Tells when a connection has overstayed. Pure: the caller says what time it is."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._began = now
        self._active = now
        self._full_since: float | None = None
        self._deadline: float | None = None

    def active(self, now: float) -> None:
        """A message came or went."""
        self._active = now

    def unread(self, full: bool, now: float) -> None:
        """Whether more waits to be sent than may."""
        if not full:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now

    def wind_down(self, now: float, seconds: float) -> None:
        """The connection should be over in so many seconds; an earlier deadline stands."""
        deadline = now + seconds
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)

    def slow(self, now: float) -> LimitError | None:
        """Why the client is cut off, when it does not read."""
        if self._full_since is None or now - self._full_since < self._limits.slow_client_s:
            return None
        return LimitError(
            f"messages were left unread for {self._limits.slow_client_s:g} s; read faster, then connect again",
            code="slow_client",
            fatal=True,
        )

    def over(self, now: float) -> LimitError | None:
        """Why the session should end, when its time is up."""
        if now - self._began >= self._limits.max_session_s:
            return LimitError(
                f"a session lasts at most {self._limits.max_session_s:g} s; connect again",
                code="session_limit",
                fatal=True,
            )
        if now - self._active >= self._limits.idle_timeout_s:
            return LimitError(
                f"nothing was sent for {self._limits.idle_timeout_s:g} s; connect again when there is something to say",
                code="idle_timeout",
                fatal=True,
            )
        return None

    def late(self, now: float) -> bool:
        """The deadline for winding down has passed."""
        return self._deadline is not None and now >= self._deadline
