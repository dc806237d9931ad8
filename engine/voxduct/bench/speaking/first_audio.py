"""How soon does a server begin to speak: the first time since it started, and from then on?

A server is started again and again; each time the first request is cold, and those that follow on the same session are
warm. A session is open before the first request.

first_audio_cold, first_audio_warm
                 `say` sent -> first binary message of speech has arrived, p50 and p95. Of few starts p95 is little
                 more than the slowest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from voxduct.bench.live import Spoken, say
from voxduct.bench.local_server import Address
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, milliseconds
from voxduct_client import Client

TEXTS = (
    "Good morning, what can I do for you today?",
    "The train leaves at seven, and it is never late.",
    "It will be cold tonight, with some rain towards the morning.",
    "I have put the two letters on your desk.",
    "There is nothing new since you asked me last.",
)

Start = Callable[[], AbstractContextManager[Address]]


def measure(start: Start, starts: int, voice: str | None = None) -> Figures:
    """Starts a server so many times. Raises ServerError where it does not become ready."""
    runs = []
    for _ in tracked(range(starts), "start"):
        with start() as address:
            runs.append(asyncio.run(ask(address.stream, voice)))
    return figures(runs)


def measure_warm(address: Address, voice: str | None = None) -> Figures:
    """The same of a server that runs already, and of which nobody knows whether it spoke before: no cold figures."""
    spoken = asyncio.run(ask(address.stream, voice))
    return {**figures([spoken]), "first_audio_cold_p50_ms": None, "first_audio_cold_p95_ms": None}


async def ask(url: str, voice: str | None = None) -> list[Spoken]:
    """Asks for text after text in one session."""
    async with Client(url) as client:
        return [
            await say(client, text, id=f"say-{number}", voice=voice, seed=number) for number, text in enumerate(TEXTS)
        ]


def figures(runs: Sequence[Sequence[Spoken]]) -> Figures:
    """Each run is what a server said from its start on."""
    cold = [run[0].first_audio_s for run in runs]
    warm = [one.first_audio_s for run in runs for one in run[1:]]
    found: Figures = {"first_audio_starts": len(runs), "first_audio_missing": [*cold, *warm].count(None)}
    for name, values in (("cold", cold), ("warm", warm)):
        known = [value for value in values if value is not None]
        found |= {
            f"first_audio_{name}_p50_ms": milliseconds(known, 50),
            f"first_audio_{name}_p95_ms": milliseconds(known, 95),
        }
    return found
