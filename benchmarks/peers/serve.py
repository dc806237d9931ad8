"""The loop of an engine's process: orders on stdin, replies on stdout, whatever libraries print on stderr."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from voxduct.bench.peer_protocol import Failed, Load, Loaded, Order, Ran, Reply, Run

Samples: TypeAlias = npt.NDArray[np.float32]
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What an engine made of one clip."""

    tokens: int
    text: str
    features_s: float
    encode_s: float


class Engine(Protocol):
    """One way to run a Whisper. Heavy imports belong into `load`, so that they count as warm-up."""

    package: str
    """The distribution whose version is reported."""

    def load(self, order: Load) -> None:
        """Takes up a model."""

    def recognise(self, samples: Samples, order: Run) -> Recognised:
        """Samples to text."""


class Stopwatch:
    """Seconds of what is done between two readings."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, or the start."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed


def serve(engine: Engine) -> None:
    """Answers orders until stdin ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries print; replies must stand alone
    for line in sys.stdin.buffer:
        try:
            reply = _answer(engine, msgspec.json.decode(line, type=Order))
        except Exception as error:  # any library's: the parent says whose it is
            reply = Failed(reason=f"{type(error).__name__}: {error}")
        replies.write(msgspec.json.encode(reply) + b"\n")
        replies.flush()


def _answer(engine: Engine, order: Order) -> Reply:
    match order:
        case Load():
            watch = Stopwatch()
            engine.load(order)
            return Loaded(seconds=watch.lap(), peak_bytes=peak_bytes(), version=version(engine.package))
        case Run():
            samples = np.load(order.path)
            before, watch = time.process_time(), Stopwatch()
            made = engine.recognise(samples, order)
            seconds, spent = watch.lap(), time.process_time() - before
            return Ran(
                seconds=seconds, processor_s=spent, features_s=made.features_s, encode_s=made.encode_s,
                tokens=made.tokens, text=made.text.strip(), peak_bytes=peak_bytes(),
            )  # fmt: skip


def peak_bytes() -> int:
    """The greatest resident memory of this process so far."""
    if STATUS.is_file():
        for line in STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
