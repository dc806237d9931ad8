"""`voxduct demo`: see and measure the whole engine in about a minute; ends with one line of JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from voxduct.cli.arguments import Commands
from voxduct.cli.recordings import write_wav
from voxduct.demo import DemoOptions, run_demo


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("demo", help="see it work", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="a few sentences only")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.wav", help="keep the spoken reply")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the demo."""
    show = run_demo(DemoOptions(quick=options.quick))
    if options.output is not None:
        write_wav(options.output, show.reply.samples, show.reply.sample_rate)
    print(json.dumps(show.figures), flush=True)
    return 0
