"""Shows on a terminal how far a measurement is; says nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def tracked(items: Sequence[Item], what: str) -> Iterator[Item]:
    """The items, one by one, with a counter on a terminal's stderr."""
    show = sys.stderr.isatty()
    for count, item in enumerate(items, start=1):
        if show:
            print(f"\r{what} {count}/{len(items)}", end="", file=sys.stderr, flush=True)
        yield item
    if show:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
