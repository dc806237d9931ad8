"""What has arrived and nobody has read yet: a bounded queue between a connection's reader task and its user."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A bounded queue that can be closed with a reason, after which readers first get what is left.

    Use it from one event loop.
    """

    def __init__(self, size: int) -> None:
        self._items: deque[Item] = deque()
        self._size = size
        self._changed = asyncio.Condition()
        self._closed = False
        self._error: Exception | None = None
        self.taken = 0
        """How many items were ever taken out."""

    async def put(self, item: Item) -> None:
        """Adds an item; waits while the inbox is full. Cancelled, it has not added the item."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._items) < self._size or self._closed)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()

    async def deliver(self, item: Item, stall_s: float, stalled: Callable[[], None]) -> None:
        """Like `put`; calls `stalled` whenever the inbox has been full, and nobody took anything, for `stall_s`."""
        while True:
            taken = self.taken
            try:
                async with asyncio.timeout(stall_s):
                    return await self.put(item)
            except TimeoutError:
                if self.taken == taken:
                    stalled()

    async def close(self, error: Exception | None = None) -> None:
        """No more items come; readers get what is left and then `error`, or the end. The first call counts."""
        async with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
                self._changed.notify_all()

    async def get(self) -> Item:
        """The oldest item.

        Raises:
            StopAsyncIteration: closed without an error, and empty. A closing error is raised as it is.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items) or self._closed)
            if self._items:
                self.taken += 1
                self._changed.notify_all()
                return self._items.popleft()
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration
