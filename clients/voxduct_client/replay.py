"""Audio that was accepted and is not final yet, so that a new session can hear it again. Sans-I/O.

Positions are sample indexes since the client's start; they go on over reconnects.

    0 ........ start ......... sent ......... end
               | sent, may be   | accepted,    |
               | heard again    | not sent     |
"""

from __future__ import annotations


class ReplayBuffer:
    """A ring of PCM: at most `capacity` samples that were sent, and as many that wait.

    What waits is never dropped: `room` says how much more may be accepted.
    """

    def __init__(self, capacity: int, sample_bytes: int) -> None:
        self._capacity = capacity
        self._sample_bytes = sample_bytes
        self._data = bytearray()
        self.start = 0
        """The oldest sample that is kept."""
        self.sent = 0
        """Everything before it was sent on the present connection."""
        self.needed = 0
        """Nothing before it has to be heard again."""

    @property
    def end(self) -> int:
        """One past the newest accepted sample."""
        return self.start + len(self._data) // self._sample_bytes

    @property
    def unsent(self) -> int:
        """Accepted samples that were not sent on the present connection."""
        return self.end - self.sent

    @property
    def room(self) -> int:
        """How many samples may be accepted now."""
        return max(0, self._capacity - self.unsent)

    @property
    def gone(self) -> int:
        """Samples that are needed and no longer kept."""
        return max(0, self.start - self.needed)

    def append(self, data: bytes) -> None:
        """Accepts audio, at most `room` samples of it."""
        self._data += data

    def release(self, position: int) -> None:
        """Everything before `position` is final."""
        self.needed = max(self.needed, min(position, self.sent))
        self._trim(self.needed)

    def take(self, samples: int, until: int | None = None) -> bytes:
        """The next unsent audio, at most `samples` and not beyond `until`; counts as sent."""
        stop = min(self.sent + samples, self.end if until is None else min(until, self.end))
        first = (self.sent - self.start) * self._sample_bytes
        data = bytes(self._data[first : (stop - self.start) * self._sample_bytes])
        self.sent = max(stop, self.sent)
        self._trim(self.sent - self._capacity)
        return data

    def rewind(self) -> int:
        """A new session hears everything again that is needed and still kept; returns where that begins."""
        self.sent = self.needed = max(self.needed, self.start)
        return self.sent

    def _trim(self, position: int) -> None:
        if position > self.start:
            del self._data[: (position - self.start) * self._sample_bytes]
            self.start = position
