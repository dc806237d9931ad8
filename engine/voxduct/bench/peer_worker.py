"""One engine in a process of its own: started, told what to do, and ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from voxduct.bench.peer_protocol import Failed, Load, Loaded, Order, Ran, Reply, Run
from voxduct.errors import ServerError

STOP_TIMEOUT_S = 20.0
SHOWN_LINES = 3  # of what a process said on stderr before it died
_Answer = TypeVar("_Answer", Loaded, Ran)


class Worker:
    """Talks to one engine. Every call waits for the answer; nothing else of the process runs between calls."""

    def __init__(self, name: str, orders: IO[bytes], replies: IO[bytes], log: Path) -> None:
        self.name = name
        self._orders, self._replies, self._log = orders, replies, log

    def load(self, order: Load) -> Loaded:
        """Takes up a model; raises ServerError when the engine cannot."""
        return self._ask(order, Loaded)

    def run(self, order: Run) -> Ran:
        """Recognises a clip; raises ServerError when the engine fails."""
        return self._ask(order, Ran)

    def _ask(self, order: Order, wanted: type[_Answer]) -> _Answer:
        try:
            self._orders.write(msgspec.json.encode(order) + b"\n")
            self._orders.flush()
        except BrokenPipeError as error:
            raise ServerError(f"{self.name} has ended: {self._last_words()}") from error
        line = self._replies.readline()
        if not line:
            raise ServerError(f"{self.name} ended without an answer: {self._last_words()}")
        match _decoded(self.name, line):
            case Failed(reason=reason):
                raise ServerError(f"{self.name} failed: {reason}")
            case reply if isinstance(reply, wanted):
                return reply
            case reply:
                raise ServerError(f"{self.name} answered {type(reply).__name__} where {wanted.__name__} was due")

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " / ".join(lines[-SHOWN_LINES:]) or "it said nothing"


@contextmanager
def started(
    name: str, command: Sequence[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[Worker]:
    """Runs `command` as an engine, its stderr to `log`; ends it afterwards."""
    variables = {**os.environ, **(environment or {})}
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=variables
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Worker(name, process.stdin, process.stdout, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _decoded(name: str, line: bytes) -> Reply:
    try:
        reply: Reply = msgspec.json.decode(line, type=Reply)
    except msgspec.DecodeError as error:
        raise ServerError(f"{name} answered what is no reply: {line[:200]!r}") from error
    return reply
