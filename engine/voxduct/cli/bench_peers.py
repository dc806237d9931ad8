"""`voxduct bench peers`: our recogniser beside other engines on the same weights; in a checkout only."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from voxduct.bench import peers
from voxduct.bench.peer_cases import Group
from voxduct.bench.peer_engines import CACHE, KINDS, OURS, SIZES, chosen
from voxduct.bench.results import keep, machine_card
from voxduct.cli.arguments import Commands, positive_int


def register(questions: Commands) -> None:
    """Adds the question."""
    text = "how fast the recogniser is beside other engines (extra `peers`, in a checkout)"
    parser = questions.add_parser("peers", help=text, description=text, allow_abbrev=False)
    parser.add_argument("--sizes", type=_names(SIZES), default=SIZES, help=f"of {','.join(SIZES)} (default: all)")
    others = tuple(name for name in KINDS if name != OURS.name)
    parser.add_argument("--engines", type=_names(others), default=others, help=f"of {','.join(others)} (default: all)")
    parser.add_argument("--rounds", type=positive_int, default=5, help="times that each clip is heard (default 5)")
    parser.add_argument("--threads", type=positive_int, default=2, help="of every engine (default 2)")
    parser.add_argument("--spinning", action="store_true", help="let our idle threads spin, as the peers' do")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="where models are made and kept")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="also keep figures and machine in a file there")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answers the question."""
    wanted = peers.PeerOptions(
        sizes=options.sizes, engines=chosen(options.engines), rounds=options.rounds, threads=options.threads,
        spinning=options.spinning, cache=options.cache.resolve(),
    )  # fmt: skip
    card = machine_card()
    results = peers.measure(wanted)
    figures = peers.figures(results, wanted)
    if options.results is not None:
        kept = keep(options.results, "peers", {**figures, "runs": peers.runs(results)}, card)
        print(f"kept in {kept}", file=sys.stderr)
    if not options.json:
        _show(results)
    print(json.dumps({"bench": "peers", **figures}))
    return 0


def _show(results: list[peers.SizeResult]) -> None:
    print(f"{'size':10}{'engine':16}{'short s':>9}{'full s':>9}{'MiB':>7}{'x short':>9}{'x full':>8}{'wer':>8}")
    for one in results:
        for engine in one.loaded:
            measure = peers.measure_of(engine)
            ratios = [one.ratio(engine, group, measure) for group in Group]
            totals = [one.total(engine, group, measure) for group in Group]
            wer = one.wer(engine)
            cells = [f"{total:9.3f}" for total in totals] + [f"{one.peak_bytes(engine) / peers.MIB:7.0f}"]
            cells += [f"{ratio or 0:{width}.2f}" for ratio, width in zip(ratios, (9, 8), strict=True)]
            print(f"{one.size:10}{engine:16}{''.join(cells)}{'' if wer is None else f'{wer:8.3f}'}")


def _names(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name for name in text.split(",") if name))
        if wrong := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)} is none of {', '.join(known)}")
        return names

    return parse
