"""`voxduct models prepare`: a Whisper export, rewritten once to run faster and to say where it listens."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from voxduct.cli.arguments import Commands
from voxduct.onnx.prepare import Precision, prepare_whisper


def register(actions: Commands) -> None:
    """Adds the action."""
    parser = actions.add_parser(
        "prepare",
        help="rewrite a Whisper export to run faster (extra `prepare`)",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="MODEL_FOLDER", help="an export in full precision (fp32)")
    parser.add_argument(
        "--precision",
        type=Precision,
        choices=list(Precision),
        default=Precision.INT8,
        help="int8 for CPUs, fp16 for CUDA, fp32 to change nothing (default int8)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where to (default: beside the folder, named for the precision)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the folder of the prepared model; a second time it is there at once."""
    folder: Path = options.folder
    target = options.output or folder.resolve().with_name(f"{folder.resolve().name}-{options.precision}")
    if sys.stderr.isatty():
        print(f"preparing {folder}; this takes seconds for tiny and minutes for large", file=sys.stderr)
    made = prepare_whisper(folder, target, precision=options.precision)
    print(made)
    return 0
