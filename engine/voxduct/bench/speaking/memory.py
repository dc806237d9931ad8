"""Does a server that speaks for long need more and more memory?

One client has text after text spoken, as fast as the server speaks, for so many minutes; after each text the server's
resident memory is read.

memory_start_mib, memory_end_mib    before the first text, after the last.
memory_slope_kib_per_min            of a straight line through the readings after the first WARM_UP of the time: a
                                    process that has just started fills its pools and caches.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.bench.live import say
from voxduct.bench.local_server import Address
from voxduct.bench.results import Figures, rounded
from voxduct_client import Client

WARM_UP = 1 / 3
KIB, MIB = 1024, 1024 * 1024

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """Resident memory after some seconds."""

    at_s: float
    resident_bytes: int


def measure(address: Address, texts: Sequence[str], minutes: float, voice: str | None = None) -> Figures:
    """Has a server of our own speak. Figures are None where nobody says how much memory a process has."""
    pid = address.pid
    if pid is None or resident_bytes(pid) is None:
        return figures([], 0.0)
    return asyncio.run(_measure(address.stream, texts, 60.0 * minutes, voice, lambda: resident_bytes(pid)))


async def _measure(
    url: str, texts: Sequence[str], seconds: float, voice: str | None, resident: Callable[[], int | None]
) -> Figures:
    spoken = 0.0
    async with Client(url) as client:

        async def speak(number: int) -> None:
            nonlocal spoken
            one = await say(client, texts[number % len(texts)], id=f"say-{number}", voice=voice, seed=number)
            spoken += len(one.samples) / one.sample_rate

        readings = await watch(speak, resident, seconds)
    return figures(readings, spoken)


async def watch(
    speak: Callable[[int], Awaitable[None]],
    resident: Callable[[], int | None],
    seconds: float,
    clock: Clock = time.monotonic,
) -> list[Reading]:
    """Speaks text 0, 1 ... until the time is over, with a reading before each and after the last."""
    began = clock()
    readings: list[Reading] = []
    for number in itertools.count():
        now, size = clock() - began, resident()
        if size is not None:
            readings.append(Reading(now, size))
        if now >= seconds:
            break
        await speak(number)
    return readings


def figures(readings: Sequence[Reading], spoken_s: float) -> Figures:
    """Of a run, in order."""
    if not readings:
        return dict.fromkeys(("memory_start_mib", "memory_end_mib", "memory_slope_kib_per_min"))
    return {
        "memory_minutes": round(readings[-1].at_s / 60, 1),
        "memory_speech_s": round(spoken_s, 1),
        "memory_start_mib": round(readings[0].resident_bytes / MIB, 1),
        "memory_end_mib": round(readings[-1].resident_bytes / MIB, 1),
        "memory_slope_kib_per_min": rounded(slope_kib_per_min(readings), 1),
    }


def slope_kib_per_min(readings: Sequence[Reading]) -> float | None:
    """By how much memory grows after the warm-up; None for fewer than three readings."""
    warm = [one for one in readings if one.at_s >= WARM_UP * readings[-1].at_s]
    if len(warm) < 3:
        return None
    minutes, sizes = np.array([(one.at_s / 60, one.resident_bytes / KIB) for one in warm]).T
    return float(np.polyfit(minutes, sizes, 1)[0])


def resident_bytes(pid: int) -> int | None:
    """Of a process; None where the system does not say, or it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
