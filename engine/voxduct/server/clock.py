"""Time as the server sees it; tests put their own in."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only go forward."""

    def now(self) -> float:
        """Seconds since some fixed moment; callable from any thread."""

    async def sleep(self, seconds: float) -> None:
        """Returns that much later."""


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Returns that much later."""
        await asyncio.sleep(seconds)
