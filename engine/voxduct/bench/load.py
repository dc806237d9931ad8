"""How many people can talk at once before words come late?

Every stream talks all the time: clips with short pauses, each stream starting with another clip and a little later,
paced in real time over a WebSocket of its own. One process plays them all; it shares the machine with the server, and
`client_cpu` says how much of it it took.

streams          the greatest number of streams with commit p95 under `limit_ms`, every utterance answered and nobody
                 refused: doubled until one of these fails, then halved in between.
commit, final    as in `voxduct.bench.latency`. `heard_*` is what scheduling alone decides: for every 100 ms of an
                 utterance, said -> the first message whose text reaches that far has arrived. A model with random
                 weights says nothing that could be judged, so there `heard` stands for commit.
growth           `commit_growth_ms_per_min`: slope of commit latency (by model times) over the run; lag that grows
                 without bound shows here before it shows in a percentile.
updates          `updates_run`, and `updates_per_s`: per second of audio. An idle server runs one every 400 ms of
                 speech; what is missing was coalesced.
server_cpu       processors that the server kept busy; `server_cpu_ms_per_s` is the same per second of audio.
missing_finals   utterances whose end was told but whose final text never came, plus those that came twice.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voxduct import wire
from voxduct.bench.clips import Clip, Tape, join
from voxduct.bench.latency import Latencies, latencies
from voxduct.bench.live import Heard, play
from voxduct.bench.local_server import Address
from voxduct.bench.results import Figures, milliseconds, percentile, rounded
from voxduct.bench.server_metrics import LOOP_LAG, ServerMetrics
from voxduct_client.errors import SessionRefused

PAUSE_S = 0.6  # a talker's breath: longer than the hang-over, so that every clip is an utterance
STAGGER_S = 3.0  # all streams have begun within this
PROBE_S = 0.1  # of the places in an utterance whose `heard` latency is measured
MIN_BISECT = 1  # streams between the last good and the first bad step


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How the load is made."""

    seconds: float = 30.0
    """Each stream talks for about so long a step."""
    limit_s: float = 1.0
    """What the 95th percentile of commit latency must stay under."""
    by_heard: bool = False
    """Judge by `heard` instead of commit latency: for models whose text means nothing."""
    most: int = 256
    """Streams that are never exceeded."""


@dataclass(slots=True)
class Talk:
    """What one stream was answered."""

    tape: Tape
    heard: Heard | None = None
    """None: the session was refused."""
    reached: list[tuple[float, int | None, float]] = field(default_factory=list)
    """When a message with text came, its utterance, and how far its text reached; seconds of the tape."""

    def listen(self, now: float, message: wire.AnyServerMessage) -> None:
        """Takes note of how far a message heard."""
        match message:
            case wire.PartialMessage(utterance=utterance, time=reached):
                self.reached.append((now, utterance, reached))
            case wire.FinalMessage(utterance=utterance, end=reached):
                self.reached.append((now, utterance, reached))
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Step:
    """One number of streams, measured."""

    streams: int
    figures: Figures
    good: bool


def tapes(clips: Sequence[Clip], streams: int, seconds: float) -> list[Tape]:
    """A tape per stream, each beginning with another clip, about so long."""
    rotations = []
    for first in range(min(streams, len(clips))):
        turned = [*clips[first:], *clips[:first]]
        chosen: list[Clip] = []
        length = 0.0
        while length < seconds:
            chosen.append(turned[len(chosen) % len(turned)])
            length += len(chosen[-1].samples()) / 16_000 + PAUSE_S
        rotations.append(join(chosen, PAUSE_S))
    return [rotations[number % len(rotations)] for number in range(streams)]


def find_limit(run: Callable[[int], Step], most: int) -> tuple[int, list[Step]]:
    """The greatest good number of streams, and all steps taken: doubling, then bisecting."""
    steps: list[Step] = []
    good, bad = 0, most + 1
    while bad - good > MIN_BISECT:
        streams = min(max(1, 2 * good), most) if bad > most else (good + bad) // 2
        steps.append(run(streams))
        if steps[-1].good:
            good = streams
        else:
            bad = streams
    return good, steps


def measure(address: Address, clips: Sequence[Clip], streams: int, options: LoadOptions) -> Step:
    """Lets so many streams talk at once to a server that is ready."""
    talks = [Talk(tape) for tape in tapes(clips, streams, options.seconds)]
    before, server_cpu = ServerMetrics.parse(address.get("/metrics")), _cpu_seconds(address.pid)
    began, client_cpu = time.monotonic(), time.process_time()
    asyncio.run(_talk(address, talks))
    wall = time.monotonic() - began
    client_cpu = time.process_time() - client_cpu
    spent, server_after = ServerMetrics.parse(address.get("/metrics")) - before, _cpu_seconds(address.pid)
    server = None if server_cpu is None or server_after is None else (server_after - server_cpu) / wall
    figures = {
        **_answers(talks),
        **_work(spent),
        "server_cpu": rounded(server, 2),
        "server_cpu_ms_per_s": _per_second(server, wall, talks),
        "client_cpu": rounded(client_cpu / wall, 2),
        "loop_lag_p99_ms": _milliseconds(spent.quantile(LOOP_LAG, 0.99)),
    }
    late = figures["heard_p95_ms" if options.by_heard else "commit_p95_ms"]
    good = (
        isinstance(late, int | float)
        and late < options.limit_s * 1000
        and not (figures["missing_finals"] or figures["refused"] or figures["errors"])
    )
    return Step(streams, {"streams": streams, **figures}, good)


async def _talk(address: Address, talks: Sequence[Talk]) -> None:
    async def one(talk: Talk, delay_s: float) -> None:
        try:
            talk.heard = await play(address.stream, talk.tape, talk.listen, delay_s)
        except SessionRefused:
            pass  # counted: its `heard` stays empty

    await asyncio.gather(*(one(talk, STAGGER_S * number / len(talks)) for number, talk in enumerate(talks)))


def _answers(talks: Sequence[Talk]) -> Figures:
    answered = [(talk, talk.heard) for talk in talks if talk.heard is not None]
    found = Latencies()
    for talk, heard in answered:
        one = latencies(talk.tape, [heard])
        found.commit += one.commit
        found.commit_by_model_times += one.commit_by_model_times
        found.final += one.final
        found.final_after_decision += one.final_after_decision
        found.errors += one.errors
    everyone = [heard for _, heard in answered]
    figures: Figures = {"refused": len(talks) - len(answered), "audio_s": round(sum(t.tape.seconds for t in talks), 1)}
    groups = {
        "commit": found.commit,
        "commit_by_model_times": found.commit_by_model_times,
        "heard": [late for talk in talks for late in reach(talk)],
        "final": found.final,
        "final_after_decision": found.final_after_decision,
    }
    for name, values in groups.items():
        figures |= {f"{name}_p50_ms": milliseconds(values, 50), f"{name}_p95_ms": milliseconds(values, 95)}
    return figures | {
        "words": found.errors.words,
        "wer": rounded(found.errors.rate),
        "commit_growth_ms_per_min": growth(everyone),
        "utterances": sum(len(heard.stops) for heard in everyone),
        "missing_finals": sum(unanswered(heard) for heard in everyone),
        "errors": sum(len(heard.errors) for heard in everyone),
        "sending_behind_ms": _milliseconds(percentile([heard.behind_s for heard in everyone], 100)),
    }


def _work(spent: ServerMetrics) -> Figures:
    audio = spent.total("voxduct_audio_seconds_total")
    counts = {
        kind: spent.total("voxduct_job_run_seconds_count", kind=kind) for kind in ("vad", "update", "final", "speech")
    }
    seconds = {kind: spent.total("voxduct_job_run_seconds_sum", kind=kind) for kind in counts}
    return {
        "rtf_asr": rounded(spent.rtf_asr),
        "updates_run": round(counts["update"]),
        "updates_per_s": rounded(counts["update"] / audio if audio else None, 2),
        "finals_run": round(counts["final"]),
        "vad_jobs_run": round(counts["vad"]),
        **{
            f"{kind}_ms_per_s": rounded(seconds[kind] / audio * 1000 if audio else None, 1)
            for kind in ("vad", "update", "final")
        },
    }


def reach(talk: Talk) -> list[float]:
    """For every 100 ms of every utterance with a final text: said -> told, in seconds."""
    if talk.heard is None:
        return []
    late: list[float] = []
    for _, final in talk.heard.finals:
        told = sorted((now, end) for now, utterance, end in talk.reached if utterance == final.utterance)
        probes = deque(np.arange(final.start + PROBE_S, final.end + PROBE_S / 2, PROBE_S).tolist())
        for now, end in told:
            while probes and probes[0] <= end + PROBE_S / 2:
                late.append(now - probes.popleft())
    return late


def growth(heard: Sequence[Heard]) -> float | None:
    """By how many milliseconds a minute commit latency grows; None when fewer than two words were heard."""
    points = [(word.committed, word.committed - word.end) for one in heard for word in one.words]
    if len({time for time, _ in points}) < 2:
        return None
    times, late = np.array(points).T
    return round(float(np.polyfit(times, late, 1)[0]) * 60_000)


def unanswered(heard: Heard) -> int:
    """Utterances whose final text never came, and final texts that came again."""
    ended = {stop.utterance for _, stop in heard.stops}
    finals = Counter(final.utterance for _, final in heard.finals)
    return len(ended - finals.keys()) + sum(count - 1 for count in finals.values())


def _cpu_seconds(pid: int | None) -> float | None:
    """Processor seconds that a process has used; None where the system does not say."""
    if pid is None:
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _per_second(cpu: float | None, wall: float, talks: Sequence[Talk]) -> float | None:
    """Milliseconds of the server's processors per second of audio; steadier than latencies on a shared machine."""
    return None if cpu is None else round(cpu * wall * 1000 / sum(talk.tape.seconds for talk in talks), 1)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
