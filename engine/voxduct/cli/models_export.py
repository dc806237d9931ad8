"""`voxduct models export`: a Whisper checkpoint of safetensors to a model folder that Voxduct loads."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from voxduct.cli.arguments import Commands
from voxduct.cli.models_pull import check_new, print_made, report
from voxduct.hub.pull import pull_folder
from voxduct.onnx.export import EXPORTS, convert_whisper, export_whisper
from voxduct.onnx.whisper_layout import choose_files


def register(actions: Commands) -> None:
    """Adds the action."""
    parser = actions.add_parser(
        "export", help="a checkpoint to a model folder (extra `export`)", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder with config.json and *.safetensors")
    parser.add_argument("to", type=Path, metavar="OUT", help="new folder for the model")
    parser.add_argument("--precision", choices=EXPORTS, default="fp32", help="of the graphs (default fp32)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the folder of the model."""
    check_new(options.to)
    options.to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.to.parent, prefix=".export-") as room:
        made = Path(room) / options.checkpoint.resolve().name
        export_whisper(options.checkpoint, made)
        convert_whisper(made, options.precision)
        manifest = pull_folder(made, options.to, choose_files, options.precision, report)
    print_made(manifest, options.json)
    return 0
