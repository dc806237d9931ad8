"""The command `voxduct-client`: 0 done, 2 wrong use, 1 failed; an error is one line on stderr."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys

from voxduct.errors import ClientError, VoxductError
from voxduct_client.arguments import WRONG_USE, parse
from voxduct_client.errors import FileError
from voxduct_client.hear import Target, hear_file, hear_microphone, list_microphones
from voxduct_client.options import resolve_url
from voxduct_client.speak import speak
from voxduct_client.voices_command import run_voices

DONE, FAILED = 0, 1


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parsed = parse(arguments)
    try:
        if parsed.command == "mic" and parsed.list_devices:
            list_microphones()
        else:
            asyncio.run(_run(parsed))
    except (ClientError, FileError) as error:
        return _complain(str(error), WRONG_USE)
    except VoxductError as error:
        return _complain(str(error), FAILED)
    except (KeyboardInterrupt, asyncio.CancelledError):  # a second Ctrl-C
        return FAILED
    except BrokenPipeError:  # whoever read the captions has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return DONE


async def _run(parsed: argparse.Namespace) -> None:
    target = Target(resolve_url(parsed.url), parsed.token)
    interrupted = asyncio.Event()
    _watch_interrupt(interrupted)
    match parsed.command:
        case "file":
            await hear_file(
                target,
                parsed.path,
                fast=parsed.fast,
                json=parsed.json,
                revisions=parsed.revisions,
                codec=parsed.wire_codec,
                interrupted=interrupted,
            )
        case "mic":
            await hear_microphone(
                target,
                parsed.device,
                json=parsed.json,
                revisions=parsed.revisions,
                codec=parsed.wire_codec,
                interrupted=interrupted,
            )
        case "voices":
            await run_voices(target, parsed)
        case _:
            await speak(
                target,
                parsed.text,
                output=parsed.output,
                voice=parsed.voice,
                seed=parsed.seed,
                codec=parsed.wire_codec,
                interrupted=interrupted,
            )


def _watch_interrupt(interrupted: asyncio.Event) -> None:
    """The first Ctrl-C ends the input and waits for what is still to be said; the second ends the program."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def interrupt() -> None:
        if interrupted.is_set() and task is not None:
            task.cancel()
        interrupted.set()

    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the program at once
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)


def _complain(message: str, code: int) -> int:
    print(f"voxduct-client: {' '.join(message.split())}", file=sys.stderr)
    return code
