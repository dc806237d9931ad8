"""`voxduct bench latency|load|wer|tts|peers|noise|codec`: measures; the last line of stdout is one JSON object.

Without `--url` a server of its own is started for it. What the figures mean: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from voxduct.bench import latency, load, noise, wer
from voxduct.bench.bundled import bundled, demo_clips
from voxduct.bench.clips import Clip, read_clips
from voxduct.bench.results import machine_card
from voxduct.cli import bench_codec, bench_peers, bench_tts
from voxduct.cli.arguments import Commands, engine_options, positive_int, positive_number
from voxduct.cli.bench_question import question, report, server
from voxduct.loading import load_engine


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("bench", help="measure", description=__doc__, allow_abbrev=False)
    questions = parser.add_subparsers(title="questions", metavar="QUESTION", required=True)
    _register_latency(questions)
    _register_load(questions)
    _register_wer(questions)
    bench_tts.register(questions)
    bench_peers.register(questions)
    _register_noise(questions)
    bench_codec.register(questions)


def _register_latency(questions: Commands) -> None:
    text = "how soon words are committed and speech begins"
    parser = question(questions, "latency", text, "the demo's recording")
    parser.add_argument("--sessions", type=positive_int, default=1, help="recordings played at once")
    parser.add_argument("--speaking", type=int, default=0, help="sessions that speak meanwhile")
    parser.set_defaults(run=run_latency)


def _register_load(questions: Commands) -> None:
    parser = question(questions, "load", "how many can talk at once", "the demo's recording")
    parser.add_argument("--streams", type=positive_int, help="measure this many instead of finding the greatest number")
    parser.add_argument("--seconds", type=positive_int, default=30, help="each talks for so long a step (default 30)")
    parser.add_argument("--limit-ms", type=positive_int, default=1000, help="of the 95th percentile (default 1000)")
    parser.add_argument(
        "--by-heard", action="store_true", help="judge by how far was heard, not by committed words (random weights)"
    )
    parser.set_defaults(run=run_load)


def _register_wer(questions: Commands) -> None:
    parser = question(questions, "wer", "how many words are wrong", "24 bundled held-out clips")
    parser.add_argument("--live", action="store_true", help="in real time through a server, instead of offline")
    parser.add_argument("--sessions", type=positive_int, default=1, help="with --live: played at once")
    parser.add_argument("--beside", action="store_true", help="let PocketSphinx hear the same clips (extra `bench`)")
    parser.add_argument("--details", type=Path, metavar="FILE", help="write reference and hypothesis of every clip")
    parser.set_defaults(run=run_wer)


def _register_noise(questions: Commands) -> None:
    text = "how many words are heard where nobody speaks, and how many onsets are missed in noise"
    clips = "24 bundled held-out clips and the demo's"
    parser = question(questions, "noise", text, clips, served=False)
    parser.add_argument("--minutes", type=positive_number, default=1.0, help="of each kind of noise (default: 1)")
    parser.add_argument("--kinds", nargs="+", choices=noise.KINDS, default=list(noise.KINDS), help="only these")
    parser.add_argument("--seed", type=int, default=noise.NoiseOptions().seed, help="of the noise")
    parser.set_defaults(run=run_noise)


def run_latency(options: argparse.Namespace) -> int:
    """Answers the first question."""
    wanted = latency.LatencyOptions(sessions=options.sessions, speaking=options.speaking)
    clips = _clips(options, demo_clips)
    card = machine_card()
    with server(options) as address:
        figures = latency.measure(address, clips, wanted)
    return report("latency", figures, card, options)


def run_load(options: argparse.Namespace) -> int:
    """Answers the question of how many."""
    wanted = load.LoadOptions(
        seconds=options.seconds, limit_s=options.limit_ms / 1000, by_heard=options.by_heard, most=options.streams or 256
    )
    clips = _clips(options, demo_clips)
    card = machine_card()

    def step(streams: int) -> load.Step:
        taken = load.measure(address, clips, streams, wanted)
        verdict = "in time" if taken.good else "late"
        print(f"{streams} streams: {verdict}, {json.dumps(taken.figures)}", file=sys.stderr, flush=True)
        return taken

    with server(options, "--no-tts", "--max-sessions", str(wanted.most)) as address:
        if options.streams is not None:
            taken = step(options.streams)
            return report("load", {**taken.figures, "in_time": taken.good}, card, options)
        greatest, steps = load.find_limit(step, wanted.most)
    best = next((taken.figures for taken in steps if taken.streams == greatest), {})
    return report("load", {**best, "streams": greatest, "limit_ms": options.limit_ms}, card, options)


def run_wer(options: argparse.Namespace) -> int:
    """Answers the second question."""
    clips = _clips(options, lambda: read_clips(bundled("heldout_clips")))
    card = machine_card()
    if options.live:
        with server(options) as address:
            figures, results = wer.measure_live(address, clips, options.sessions)
    else:
        figures, results = wer.measure_offline(load_engine(engine_options(options), speaks=False), clips)
    if options.beside:
        figures |= wer.measure_beside(clips)
    if options.details is not None:
        lines = [f"{one.errors.errors}\t{one.reference}\t{one.hypothesis}\n" for one in results]
        options.details.write_text("".join(lines), encoding="utf-8")
    return report("wer", figures, card, options)


def run_noise(options: argparse.Namespace) -> int:
    """Answers the question of noise."""
    wanted = noise.NoiseOptions(minutes=options.minutes, seed=options.seed, kinds=tuple(options.kinds))
    clips = _clips(options, lambda: read_clips(bundled("heldout_clips")) + demo_clips())
    card = machine_card()
    engine = load_engine(engine_options(options), speaks=False)
    return report("noise", noise.measure(engine, clips, wanted), card, options)


def _clips(options: argparse.Namespace, default: Callable[[], list[Clip]]) -> Sequence[Clip]:
    clips = default() if options.clips is None else read_clips(options.clips)
    return clips[: options.count]
