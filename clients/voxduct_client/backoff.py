"""How long to wait before the next attempt: doubling delays with jitter, so that many clients do not return at once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Delays of `first_s`, then twice as long each time up to `longest_s`; each shortened by up to half at random."""

    first_s: float = 0.5
    longest_s: float = 8.0
    attempts: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def next_delay(self, at_least: float | None = None) -> float:
        """Seconds to wait now; `at_least` is what a server asked for (`Retry-After`)."""
        full = min(self.longest_s, self.first_s * 2.0 ** min(self.attempts, 32))
        self.attempts += 1
        return max(self._random.uniform(full / 2, full), at_least or 0.0)

    def reset(self) -> None:
        """An attempt succeeded: start over."""
        self.attempts = 0
