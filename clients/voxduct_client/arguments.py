"""The command line's grammar."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from voxduct_client.options import DEFAULT_URL
from voxduct_client.voices_command import add_voices_commands

WRONG_USE = 2


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exits with 2."""
        print(f"{self.prog}: {message}; see: {self.prog} --help", file=sys.stderr)
        sys.exit(WRONG_USE)


def parse(arguments: list[str] | None, environment: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """The arguments; exits with 2 when they are wrong."""
    parser = Parser(prog="voxduct-client", description="Speak to a Voxduct server.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    server = _server_options(environment)
    _add_file(commands, server)
    _add_mic(commands, server)
    _add_say(commands, server)
    add_voices_commands(commands.add_parser("voices", help="a server's voices: list, show, add, remove"), server)
    return parser.parse_args(arguments)


def _server_options(environment: Mapping[str, str]) -> Parser:
    common = Parser(add_help=False)
    common.add_argument(
        "--url",
        default=environment.get("VOXDUCT_URL", DEFAULT_URL),
        help="the server: HOST:PORT or ws://...; default $VOXDUCT_URL or %(default)s",
    )
    common.add_argument(
        "--token", default=environment.get("VOXDUCT_TOKEN"), help="the server's token; better: set $VOXDUCT_TOKEN"
    )
    return common


def _add_file(commands: argparse._SubParsersAction[Parser], server: Parser) -> None:
    command = commands.add_parser("file", parents=[server], help="stream a sound file, print captions")
    command.add_argument("path", type=Path, metavar="PATH", help="a WAV, FLAC or Ogg file")
    command.add_argument("--fast", action="store_true", help="as fast as the server takes it, not in real time")
    _add_caption_options(command)


def _add_mic(commands: argparse._SubParsersAction[Parser], server: Parser) -> None:
    command = commands.add_parser("mic", parents=[server], help="stream a microphone, print captions; Ctrl-C ends it")
    command.add_argument("--device", metavar="NAME", help="part of the microphone's name, or its number")
    command.add_argument("--list-devices", action="store_true", help="print the microphones and exit")
    _add_caption_options(command)


def _add_caption_options(command: Parser) -> None:
    command.add_argument("--json", action="store_true", help="print every message as one line of JSON")
    revisions = "show what a second recogniser heard, if the server has one; on a terminal or with --json"
    command.add_argument("--revisions", action="store_true", help=revisions)
    _add_codec_option(command, "send sound")


def _add_say(commands: argparse._SubParsersAction[Parser], server: Parser) -> None:
    command = commands.add_parser("say", parents=[server], help="speak a text")
    command.add_argument("text", metavar="TEXT", type=_text, help="what to say; - takes stdin, piece by piece")
    command.add_argument("-o", "--output", type=Path, metavar="WAV", help="write a file instead of playing it")
    command.add_argument(
        "--voice", metavar="NAME", help="the voice or a mixture, ada:0.7+ben:0.3; default: the server's"
    )
    command.add_argument("--seed", type=_seed, default=0, help="another number is another reading; default 0")
    _add_codec_option(command, "hear speech")


def _add_codec_option(command: Parser, what: str) -> None:
    text = f"{what} as a codec's codes, not PCM: voxduct-codec-16k; lyra-3.2, lyra-6, lyra-9.2 where the server has it"
    command.add_argument("--wire-codec", metavar="NAME", help=text)


def _text(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("the text is empty")
    return value


def _seed(value: str) -> int:
    if not value.isdecimal():
        raise argparse.ArgumentTypeError(f"{value!r} is not a number from 0")
    return int(value)
