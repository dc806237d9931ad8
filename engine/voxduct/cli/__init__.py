"""The `voxduct` command. Exit codes: 0 done, 1 failed, 2 wrong use; an error is one line on stderr.

What a command finds goes to stdout, everything else to stderr, so that `--json` never mixes with logs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import voxduct
from voxduct.cli import bench, codec, continue_, demo, models, say, serve, transcribe
from voxduct.cli.arguments import Parser
from voxduct.errors import ClientError, VoxductError

__all__ = ["build_parser", "main"]

COMMANDS = (serve, transcribe, say, continue_, codec, models, bench, demo)
FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser(prog="voxduct", description="A self-hosted, real-time voice engine.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"voxduct {voxduct.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except VoxductError as error:
        print(f"voxduct: {' '.join(str(error).split())}", file=sys.stderr)
        return WRONG_USE if isinstance(error, ClientError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        print(f"voxduct: {error.strerror or error}{where}", file=sys.stderr)
        return FAILED
    return code
