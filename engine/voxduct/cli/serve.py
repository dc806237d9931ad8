"""`voxduct serve`: the server, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from voxduct.cli.arguments import (
    Commands,
    add_engine_options,
    add_speech_options,
    engine_options,
    port_number,
    positive_int,
)
from voxduct.cli.mqtt import OPTION_HELP, attach_mqtt, mqtt_options
from voxduct.cli.voices import add_voices_option
from voxduct.errors import MessageError, ModelError
from voxduct.loading import OWN_CODEC, WIRE_CODECS, load_engine, load_enroller, load_shelf
from voxduct.server.backend import Backend
from voxduct.server.engine_backend import EngineBackend
from voxduct.server.limits import DEFAULT_PORT, Limits, ServeError, ServerOptions
from voxduct.server.serve import serve

TOKEN_VARIABLE = "VOXDUCT_TOKEN"


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("serve", help="run the server", description=__doc__, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT, help=f"default {DEFAULT_PORT}; 0: any free")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the token that clients must present (default: ${TOKEN_VARIABLE})",
    )
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="let pages from here connect"
    )
    parser.add_argument("--max-sessions", type=positive_int, default=Limits().max_sessions)
    parser.add_argument("--workers", type=positive_int, default=None, help="threads that run models (default: cores)")
    parser.add_argument("--no-tts", action="store_true", help="hear only")
    add_voices_option(parser)
    parser.add_argument("--mqtt", metavar="URL", help=OPTION_HELP)
    parser.add_argument("--verbose", action="store_true")
    add_engine_options(parser)
    add_speech_options(parser)
    parser.add_argument(
        "--wire-codec",
        choices=["lyra"],
        help="let clients use Lyra's codes, too, once pulled (docs/lyra.md); Voxduct's own always is offered",
    )
    _add_second_pass(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serves; returns when it was told to stop and everything open is finished."""
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        wanted = _server_options(options)
    except ServeError as error:
        raise MessageError(str(error), param=error.param) from error  # asked for wrongly, not failed
    _check_second_pass(options, wanted)
    mqtt = mqtt_options(options.mqtt)
    serve(
        wanted,
        lambda: _load(options),
        on_listening=_announce,
        prepare=lambda server: attach_mqtt(server, mqtt),
    )
    return 0


def _add_second_pass(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("second pass", "for clients that ask for revisions; costs memory for its model")
    group.add_argument(
        "--second-asr", metavar="MODEL", help="a larger Whisper: hears utterances again when the server is idle"
    )
    group.add_argument(
        "--second-beam", metavar="N", type=positive_int, help="its hypotheses (default: as the model asks, mostly 1)"
    )


def _check_second_pass(options: argparse.Namespace, wanted: ServerOptions) -> None:
    if options.second_asr is None and options.second_beam is not None:
        raise MessageError("--second-beam belongs to --second-asr; name a model there", param="second-beam")
    if options.second_asr is not None and wanted.workers < 2:
        raise MessageError(
            "a second pass would keep the only worker from live speech; give --workers 2 or more, or no --second-asr",
            param="second-asr",
        )


def _server_options(options: argparse.Namespace) -> ServerOptions:
    given = {} if options.workers is None else {"workers": options.workers}
    return ServerOptions(
        host=options.host,
        port=options.port,
        token=_token(options.token_file),
        allowed_origins=tuple(options.allow_origin),
        limits=Limits(max_sessions=options.max_sessions),
        **given,
    )


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MessageError(f"the token file {file} cannot be read; give one with the token in it") from error


def _load(options: argparse.Namespace) -> Backend:
    codecs = WIRE_CODECS if options.wire_codec is not None else (OWN_CODEC,)
    wanted = replace(engine_options(options), wire_codecs=codecs)
    engine = load_engine(wanted, speaks=not options.no_tts)
    if engine.synthesiser is None:
        return EngineBackend(engine)
    try:
        enroller = load_enroller(wanted, engine.synthesiser, engine.vad)
    except ModelError as error:
        logging.getLogger(__name__).warning("this server makes and keeps no voices: %s", error)
        return EngineBackend(engine)
    shelf = load_shelf(enroller, options.voices)
    shelf.load()
    return EngineBackend(engine, shelf=shelf)


def _announce(url: str) -> None:
    print(f"voxduct listens on {url}", file=sys.stderr, flush=True)
