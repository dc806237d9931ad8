"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from voxduct.asr.options import MAX_DELAY_MS, MIN_DELAY_MS
from voxduct.loading import Device, EngineOptions, VadKind

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction["Parser"]
else:
    Commands = object


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and leaves the usage to `--help`."""

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def positive_int(text: str) -> int:
    """A count of at least one."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def delay(text: str) -> int:
    """Milliseconds of `AsrOptions.with_delay`."""
    value = int(text)
    if not MIN_DELAY_MS <= value <= MAX_DELAY_MS:
        raise argparse.ArgumentTypeError(f"{text} is not a delay ({MIN_DELAY_MS} to {MAX_DELAY_MS} ms)")
    return value


def positive_number(text: str) -> float:
    """A number greater than zero."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number greater than 0")
    return value


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not a share (0 to 1)")
    return value


def port_number(text: str) -> int:
    """A TCP port; 0 lets the system choose."""
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535)")
    return value


def add_engine_options(parser: argparse.ArgumentParser, *, hears: bool = True, speaks: bool = True) -> None:
    """Which models, and on what they run."""
    group = parser.add_argument_group("models")
    if hears:
        asr = "a Whisper: an alias, owner/name on a hub, or a folder; :fp16 after it chooses a precision"
        group.add_argument("--asr", metavar="MODEL", help=asr)
        group.add_argument("--vad", choices=[kind.value for kind in VadKind], default=VadKind.SILERO.value)
        late = "commit words about so long after their end (default: the model's); more is more accurate and cheaper"
        group.add_argument("--delay", type=delay, metavar="MS", help=late)
    if speaks:
        group.add_argument("--tts", metavar="MODEL", help="a voice: an embedded one, a folder, or a pulled one's alias")
    group.add_argument("--device", choices=[device.value for device in Device], default=Device.CPU.value)
    group.add_argument("--threads", type=positive_int, default=1, help="threads within one model run (default 1)")


def add_speech_options(parser: argparse.ArgumentParser) -> None:
    """What speech sounds like besides the voice."""
    group = parser.add_argument_group("speech")
    group.add_argument("--breath", action="store_true", help="breathe in between sentences (Voxduct's own voices)")
    group.add_argument(
        "--room", type=share, default=0.0, metavar="SHARE", help="as in a small room: 0 (none, the default) to 1"
    )


def engine_options(options: argparse.Namespace) -> EngineOptions:
    """What the two functions above put on the command line; what a command does not ask for keeps its default."""
    return EngineOptions(
        asr=getattr(options, "asr", None),
        second_asr=getattr(options, "second_asr", None),
        second_beams=getattr(options, "second_beam", None),
        tts=getattr(options, "tts", None),
        vad=VadKind(getattr(options, "vad", VadKind.SILERO.value)),
        device=Device(options.device),
        threads=options.threads,
        delay_ms=getattr(options, "delay", None),
        breath=getattr(options, "breath", False),
        room=getattr(options, "room", 0.0),
    )


def engine_arguments(options: argparse.Namespace) -> list[str]:
    """The same options as arguments of `voxduct serve`, for a server in a process of its own."""
    chosen = engine_options(options)
    arguments = ["--vad", chosen.vad.value, "--device", chosen.device.value, "--threads", str(chosen.threads)]
    delay_ms = None if chosen.delay_ms is None else str(chosen.delay_ms)
    for name, value in (("--asr", chosen.asr), ("--tts", chosen.tts), ("--delay", delay_ms)):
        arguments += [] if value is None else [name, value]
    return arguments
