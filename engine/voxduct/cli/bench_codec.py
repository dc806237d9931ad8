"""`voxduct bench codec`: our codec beside Lyra and Opus: what each sends, what it costs, and what is left of speech."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from voxduct.bench import codec
from voxduct.bench.bundled import bundled
from voxduct.bench.clips import read_clips
from voxduct.bench.codec_plot import OPTION, plot
from voxduct.bench.codec_scores import table
from voxduct.bench.coders import NAMES, find_coders
from voxduct.bench.pictures import require_matplotlib
from voxduct.bench.results import keep, machine_card
from voxduct.cli.arguments import Commands, add_engine_options, engine_options, positive_int
from voxduct.loading import load_engine
from voxduct.offline import hear_text

ONLY = Path()
"""`--json` without a file."""


def register(questions: Commands) -> None:
    """Adds the question."""
    text = "what our codec, Lyra and Opus send and cost, and what is left of speech"
    parser = questions.add_parser("codec", help=text, description=text, allow_abbrev=False)
    parser.add_argument(
        "--clips", type=Path, help="folder with transcripts.tsv and sound (default: 24 bundled held-out clips)"
    )
    parser.add_argument("--count", type=positive_int, help="only the first so many clips")
    parser.add_argument("--codecs", type=_names, default=NAMES, help=f"of {','.join(NAMES)} (default: all)")
    parser.add_argument("--lyra", type=Path, metavar="FOLDER", help="Lyra's .tflite files (default: those pulled)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw rate against each figure (matplotlib)")
    parser.add_argument(
        "--json", type=Path, nargs="?", const=ONLY, metavar="FILE",
        help="also write the line of JSON to a file; without FILE: print nothing else",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="also keep figures and machine in a file there")
    add_engine_options(parser, speaks=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answers the question."""
    if options.plot is not None:
        require_matplotlib(OPTION)
    clips = read_clips(options.clips or bundled("heldout_clips"))[: options.count]
    card = machine_card()
    chosen = engine_options(options)
    coders, missing = find_coders(options.codecs, chosen, options.lyra)
    engine = load_engine(chosen, speaks=False)
    judges = codec.find_judges(lambda samples: hear_text(engine, samples))
    found = codec.measure(clips, coders, judges, missing)
    figures = found.figures()
    if options.results is not None:
        print(f"kept in {keep(options.results, 'codec', figures, card)}", file=sys.stderr)
    if options.plot is not None:
        plot(found.rows, options.plot)
    if options.json != ONLY:
        print("\n".join(table(found.rows, found.missing)))
        for name, value in found.summary.items():
            print(f"{name:32} {value}")
    line = json.dumps({"bench": "codec", **figures})
    if options.json not in (None, ONLY):
        options.json.write_text(line + "\n", encoding="utf-8")
    print(line)
    return 0


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in NAMES if name in text.split(","))
    if wrong := [name for name in text.split(",") if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"{', '.join(wrong)} is none of {', '.join(NAMES)}")
    return names
