"""Does speech arrive fast enough for several listeners at once?

Each of N clients asks for a text of its own over a WebSocket, all at once. What it gets is played in virtual time, by
the stamps at which it arrived: a player begins once it holds CUSHION_S of sound, and when it runs dry it is silent
until more arrives, and then goes on at once.

underruns          moments at which a player ran dry before the end, over all clients.
underrun_ms        silence in them, summed.
underrun_failures  requests that did not end as `completed`.
gate_underruns     whether the first and the last are 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from voxduct.bench.live import Arrival, Spoken, say
from voxduct.bench.results import Figures, milliseconds
from voxduct_client import Client

CUSHION_S = 0.12


@dataclass(frozen=True, slots=True)
class Playback:
    """How a player got on."""

    starts_s: float | None
    """When it begins; None when nothing came."""
    dry: int = 0
    """How often it ran dry."""
    missing_s: float = 0.0
    """And how long it was silent then."""


def play(arrivals: Sequence[Arrival], sample_rate: int, cushion_s: float = CUSHION_S) -> Playback:
    """Plays in virtual time what arrived, in order. What is shorter than the cushion begins when all is there."""
    held, starts, dry, missing = 0.0, None, 0, 0.0
    runs_dry = 0.0  # the second at which all that has arrived is played
    for arrival in arrivals:
        seconds = arrival.samples / sample_rate
        if starts is None:
            held += seconds
            if held >= cushion_s:
                starts, runs_dry = arrival.at_s, arrival.at_s + held
            continue
        if arrival.at_s > runs_dry:
            dry, missing, runs_dry = dry + 1, missing + arrival.at_s - runs_dry, arrival.at_s
        runs_dry += seconds
    if starts is None and arrivals:
        starts = arrivals[-1].at_s
    return Playback(starts, dry, missing)


def measure(url: str, texts: Sequence[str], voice: str | None = None) -> Figures:
    """One client for each text. Raises SessionRefused where the server has no room for so many."""
    return figures(asyncio.run(listen(url, texts, voice)))


async def listen(url: str, texts: Sequence[str], voice: str | None = None) -> list[Spoken]:
    """What each text brought; they are asked for together, once all sessions are open."""
    ready = asyncio.Barrier(len(texts))

    async def one(number: int, text: str) -> Spoken:
        async with Client(url) as client:
            await ready.wait()
            return await say(client, text, voice=voice, seed=number)

    return await asyncio.gather(*(one(number, text) for number, text in enumerate(texts)))


def figures(everything: Sequence[Spoken]) -> Figures:
    """What became of each client's speech."""
    played = [play(one.arrivals, one.sample_rate) for one in everything]
    starts = [one.starts_s for one in played if one.starts_s is not None]
    dry, failures = sum(one.dry for one in played), sum(one.reason != "completed" for one in everything)
    return {
        "underrun_clients": len(everything),
        "underrun_speech_s": round(sum(len(one.samples) / one.sample_rate for one in everything), 1),
        "underruns": dry,
        "underrun_ms": round(1000 * sum(one.missing_s for one in played)),
        "underrun_failures": failures,
        "player_start_p95_ms": milliseconds(starts, 95),
        "gate_underruns": dry == 0 and failures == 0,
    }
