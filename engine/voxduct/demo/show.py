"""The demo, from starting the server to the line of figures."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from voxduct.bench.bundled import demo_clips
from voxduct.bench.clips import Tape, join
from voxduct.bench.latency import latencies
from voxduct.bench.live import Heard, Spoken, play, say
from voxduct.bench.local_server import Address, local_server
from voxduct.bench.results import Figures, milliseconds, rounded
from voxduct.bench.server_metrics import ServerMetrics
from voxduct.demo.captions import Captions
from voxduct.errors import ServerError
from voxduct_client import Client

REPLY = "Thank you. I heard all of that, and this is my own voice."
REPLIES = (REPLY, "The next train leaves at half past nine.", "It will be sunny in the afternoon.")
QUICK_CLIPS = 3
SAYS, QUICK_SAYS = 6, 2
PAUSE_S = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How long, and with what."""

    quick: bool = False
    """A few sentences only."""
    serve_arguments: Sequence[str] = ()
    """More arguments of `voxduct serve`."""


@dataclass(frozen=True, slots=True)
class Show:
    """What the demo did."""

    reply: Spoken
    figures: Figures


def run_demo(options: DemoOptions) -> Show:
    """Runs it all; what happens is told on stdout, the figures are left to the caller.

    Raises:
        VoxductError: a model is missing or corrupt, the server did not start, or a session failed.
    """
    clips = demo_clips()
    tape = join(clips[:QUICK_CLIPS] if options.quick else clips, PAUSE_S)
    _tell("loading the models and starting the server ...")
    with local_server(options.serve_arguments) as address:
        _tell(f"the server listens on {address.http}")
        _tell(f"streaming {len(tape.placed)} recorded sentences as a live microphone ({tape.seconds:.0f} s)")
        _tell("+ words as they are committed, = the finished utterance\n")
        heard = asyncio.run(_hear(address, tape))
        spoken = asyncio.run(_speak(address, QUICK_SAYS if options.quick else SAYS))
        spent = ServerMetrics.parse(address.get("/metrics"))
    return Show(spoken[0], _figures(tape, heard, spoken, spent))


def _tell(text: str) -> None:
    print(text, flush=True)


async def _hear(address: Address, tape: Tape) -> Heard:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    heard = await play(address.stream, tape, Captions(sys.stdout, width).show)
    if heard.errors:
        raise ServerError(f"the server reported {heard.errors[0]}")
    return heard


async def _speak(address: Address, count: int) -> list[Spoken]:
    async with Client(address.stream) as client:
        _tell(f"\nspeaking: {REPLY!r}")
        spoken = [await _say(client, REPLIES[turn % len(REPLIES)], turn) for turn in range(count)]
    reply = spoken[0]
    seconds = len(reply.samples) / reply.sample_rate
    _tell(f"  {seconds:.1f} s of speech; it began {(reply.first_audio_s or 0) * 1000:.0f} ms after it was asked for\n")
    return spoken


async def _say(client: Client, text: str, turn: int) -> Spoken:
    spoken = await say(client, text, id=f"reply-{turn}", seed=turn)
    if spoken.first_audio_s is None:
        raise ServerError(f"nothing was spoken: {spoken.reason}")
    return spoken


def _figures(tape: Tape, heard: Heard, spoken: Sequence[Spoken], spent: ServerMetrics) -> Figures:
    found = latencies(tape, [heard])
    first = [one.first_audio_s for one in spoken if one.first_audio_s is not None]
    return {
        "wer": rounded(found.errors.rate),
        "commit_p50_ms": milliseconds(found.commit, 50),
        "commit_p95_ms": milliseconds(found.commit, 95),
        "final_p50_ms": milliseconds(found.final, 50),
        "first_audio_p50_ms": milliseconds(first, 50),
        "rtf_asr": rounded(spent.rtf_asr),
        "rtf_tts": rounded(spent.rtf_tts),
    }
