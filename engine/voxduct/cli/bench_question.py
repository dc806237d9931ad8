"""What the questions of `voxduct bench` have in common: options, a server to ask, and how figures are told."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voxduct.bench.local_server import Address, local_server
from voxduct.bench.results import Figures, keep
from voxduct.cli.arguments import Commands, Parser, add_engine_options, engine_arguments, positive_int


def question(questions: Commands, name: str, text: str, default_clips: str | None, *, served: bool = True) -> Parser:
    """A question's parser, with the options that all have; `default_clips` says what is used without `--clips`."""
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


@contextmanager
def server(options: argparse.Namespace, *more: str) -> Iterator[Address]:
    """The server at `--url`, or one of its own, started with these arguments more. Raises as `local_server` does."""
    if options.url is not None:
        yield Address.parse(options.url)
    else:
        with local_server([*engine_arguments(options), *more]) as address:
            yield address


def report(name: str, figures: Figures, card: dict[str, object], options: argparse.Namespace) -> int:
    """Prints the figures, one line of JSON last, and keeps them where asked; returns the exit code."""
    if options.results is not None:
        print(f"kept in {keep(options.results, name, figures, card)}", file=sys.stderr)
    if not options.json:
        for key, value in figures.items():
            print(f"{key:32} {value}")
    print(json.dumps({"bench": name, **figures}))
    return 0
