"""`voxduct bench latency|load|wer|tts|peers|noise|codec`: measures; the last line of stdout is one JSON object.

Without `--url` a server of its own is started for it. What the figures mean: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from voxduct.bench import latency, load, noise, tts, wer
from voxduct.bench.bundled import bundled, demo_clips, sentence_lists
from voxduct.bench.clips import Clip, read_clips
from voxduct.bench.local_server import Address, local_server
from voxduct.bench.results import Figures, keep, machine_card
from voxduct.cli import bench_codec, bench_peers
from voxduct.cli.arguments import (
    Commands,
    Parser,
    add_engine_options,
    engine_arguments,
    engine_options,
    positive_int,
    positive_number,
)
from voxduct.loading import load_engine, load_own_synthesiser
from voxduct.offline import hear_text


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("bench", help="measure", description=__doc__, allow_abbrev=False)
    questions = parser.add_subparsers(title="questions", metavar="QUESTION", required=True)
    _register_latency(questions)
    _register_load(questions)
    _register_wer(questions)
    _register_tts(questions)
    bench_peers.register(questions)
    _register_noise(questions)
    bench_codec.register(questions)


def _question(questions: Commands, name: str, text: str, default_clips: str | None, *, served: bool = True) -> Parser:
    parser = questions.add_parser(name, help=text, description=text, allow_abbrev=False)
    if served:
        parser.add_argument("--url", help="a running server, http://HOST:PORT (default: one of its own)")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="also keep figures and machine in a file there")
    if default_clips is not None:
        parser.add_argument("--clips", type=Path, help=f"folder with transcripts.tsv (default: {default_clips})")
    parser.add_argument("--count", type=positive_int, help="only the first so many clips, or sentences of each list")
    add_engine_options(parser)
    return parser


def _register_latency(questions: Commands) -> None:
    text = "how soon words are committed and speech begins"
    parser = _question(questions, "latency", text, "the demo's recording")
    parser.add_argument("--sessions", type=positive_int, default=1, help="recordings played at once")
    parser.add_argument("--speaking", type=int, default=0, help="sessions that speak meanwhile")
    parser.set_defaults(run=run_latency)


def _register_load(questions: Commands) -> None:
    parser = _question(questions, "load", "how many can talk at once", "the demo's recording")
    parser.add_argument("--streams", type=positive_int, help="measure this many instead of finding the greatest number")
    parser.add_argument("--seconds", type=positive_int, default=30, help="each talks for so long a step (default 30)")
    parser.add_argument("--limit-ms", type=positive_int, default=1000, help="of the 95th percentile (default 1000)")
    parser.add_argument(
        "--by-heard", action="store_true", help="judge by how far was heard, not by committed words (random weights)"
    )
    parser.set_defaults(run=run_load)


def _register_wer(questions: Commands) -> None:
    parser = _question(questions, "wer", "how many words are wrong", "24 bundled held-out clips")
    parser.add_argument("--live", action="store_true", help="in real time through a server, instead of offline")
    parser.add_argument("--sessions", type=positive_int, default=1, help="with --live: played at once")
    parser.add_argument("--beside", action="store_true", help="let PocketSphinx hear the same clips (extra `bench`)")
    parser.add_argument("--details", type=Path, metavar="FILE", help="write reference and hypothesis of every clip")
    parser.set_defaults(run=run_wer)


def _register_tts(questions: Commands) -> None:
    parser = _question(questions, "tts", "whether the voice says what it was given", None)
    parser.add_argument("--voice", help="a voice's name")
    parser.add_argument("--other-voice", help="the voice it is to be told from (default: the first other one)")
    parser.add_argument("--details", type=Path, metavar="FILE", help="write what was heard of every sentence")
    parser.set_defaults(run=run_tts)


def _register_noise(questions: Commands) -> None:
    text = "how many words are heard where nobody speaks, and how many onsets are missed in noise"
    clips = "24 bundled held-out clips and the demo's"
    parser = _question(questions, "noise", text, clips, served=False)
    parser.add_argument("--minutes", type=positive_number, default=1.0, help="of each kind of noise (default: 1)")
    parser.add_argument("--kinds", nargs="+", choices=noise.KINDS, default=list(noise.KINDS), help="only these")
    parser.add_argument("--seed", type=int, default=noise.NoiseOptions().seed, help="of the noise")
    parser.set_defaults(run=run_noise)


def run_latency(options: argparse.Namespace) -> int:
    """Answers the first question."""
    wanted = latency.LatencyOptions(sessions=options.sessions, speaking=options.speaking)
    clips = _clips(options, demo_clips)
    card = machine_card()
    with _server(options) as address:
        figures = latency.measure(address, clips, wanted)
    return _report("latency", figures, card, options)


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

    with _server(options, "--no-tts", "--max-sessions", str(wanted.most)) as address:
        if options.streams is not None:
            taken = step(options.streams)
            return _report("load", {**taken.figures, "in_time": taken.good}, card, options)
        greatest, steps = load.find_limit(step, wanted.most)
    best = next((taken.figures for taken in steps if taken.streams == greatest), {})
    return _report("load", {**best, "streams": greatest, "limit_ms": options.limit_ms}, card, options)


def run_wer(options: argparse.Namespace) -> int:
    """Answers the second question."""
    clips = _clips(options, lambda: read_clips(bundled("heldout_clips")))
    card = machine_card()
    if options.live:
        with _server(options) as address:
            figures, results = wer.measure_live(address, clips, options.sessions)
    else:
        figures, results = wer.measure_offline(load_engine(engine_options(options), speaks=False), clips)
    if options.beside:
        figures |= wer.measure_beside(clips)
    if options.details is not None:
        lines = [f"{one.errors.errors}\t{one.reference}\t{one.hypothesis}\n" for one in results]
        options.details.write_text("".join(lines), encoding="utf-8")
    return _report("wer", figures, card, options)


def run_tts(options: argparse.Namespace) -> int:
    """Answers the third question."""
    lists = {name: texts[: options.count] for name, texts in sentence_lists().items()}
    card = machine_card()
    synthesiser = load_own_synthesiser(engine_options(options))
    frontend, voice = tts.Frontend.of(synthesiser), options.voice or synthesiser.default_voice
    with _server(options) as address:
        readings = tts.speak_all(address, lists, frontend, voice, options.other_voice)
    engine = load_engine(engine_options(options), speaks=False)
    figures, heard = tts.judge(readings, lambda samples: hear_text(engine, samples))
    if options.details is not None:
        rows = zip(readings.voice, heard, strict=True)
        lines = [f"{one.listed}\t{one.seconds:.2f}\t{one.phones}\t{one.written}\t{text}\n" for one, text in rows]
        options.details.write_text("".join(lines), encoding="utf-8")
    return _report("tts", figures, card, options)


def run_noise(options: argparse.Namespace) -> int:
    """Answers the fourth question."""
    wanted = noise.NoiseOptions(minutes=options.minutes, seed=options.seed, kinds=tuple(options.kinds))
    clips = _clips(options, lambda: read_clips(bundled("heldout_clips")) + demo_clips())
    card = machine_card()
    engine = load_engine(engine_options(options), speaks=False)
    return _report("noise", noise.measure(engine, clips, wanted), card, options)


def _clips(options: argparse.Namespace, default: Callable[[], list[Clip]]) -> Sequence[Clip]:
    clips = default() if options.clips is None else read_clips(options.clips)
    return clips[: options.count]


@contextmanager
def _server(options: argparse.Namespace, *more: str) -> Iterator[Address]:
    if options.url is not None:
        yield Address.parse(options.url)
    else:
        with local_server([*engine_arguments(options), *more]) as address:
            yield address


def _report(name: str, figures: Figures, card: dict[str, object], options: argparse.Namespace) -> int:
    if options.results is not None:
        print(f"kept in {keep(options.results, name, figures, card)}", file=sys.stderr)
    if not options.json:
        for key, value in figures.items():
            print(f"{key:32} {value}")
    print(json.dumps({"bench": name, **figures}))
    return 0
