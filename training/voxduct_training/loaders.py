"""Processes that make batches for one trainer: augmentation and log-mel on the CPU are what a GPU would wait for.

Each loader has its own seed and its own pipe, reads the shards by memory map, and learns how far the training is
through a shared number. A loader that fails or dies makes the trainer fail; loaders whose trainer is gone end.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from threading import Thread
from typing import Any

import torch

from voxduct_training.batches import Batch, Shards, ahead_of, endless
from voxduct_training.plan import Plan
from voxduct_training.tokenizer import load_tokenizer

SEED_STEP = 1_000_003  # between two loaders, far beyond the seeds of resumed runs
KEPT_READY = 8  # batches at the trainer, beside the one that every loader holds out
STOP_WAIT = 5.0  # seconds
NICER = 5  # than the trainer, which a GPU waits for while it has no core


@dataclass(frozen=True)
class Material:
    """What batches are made of; the first loader's are those of a thread with the same seed."""

    shards: Path
    pattern: str
    tokenizer: Path
    plan: Plan
    seed: int


@dataclass(frozen=True)
class _Failure:
    trace: str


def load(count: int, material: Material, progress: Callable[[], float]) -> Iterator[Batch]:
    """Batches without end from `count` processes, in the order in which they are ready.

    `progress` is asked for every batch and tells the loaders which lesson is due. They end with the iterator.

    Raises:
        RuntimeError: a loader failed (its traceback is the message) or died.
    """
    context = get_context("spawn")
    clock = RawValue("d", progress())
    loaders: dict[connection.Connection, SpawnProcess] = {}
    for number in range(count):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_make, args=(there, material, number, clock), daemon=True)
        process.start()
        there.close()  # so that the death of the loader ends the pipe
        loaders[here] = process
    try:
        yield from ahead_of(_received(loaders, clock, progress), KEPT_READY)
    finally:
        for process in loaders.values():
            process.terminate()
        for process in loaders.values():
            process.join(STOP_WAIT)


def _received(
    loaders: dict[connection.Connection, SpawnProcess], clock: Any, progress: Callable[[], float]
) -> Iterator[Batch]:
    while True:
        for ready in connection.wait(list(loaders)):
            assert isinstance(ready, connection.Connection)
            clock.value = progress()
            try:
                found = ready.recv()
            except (EOFError, OSError) as error:
                process = loaders[ready]
                process.join(STOP_WAIT)
                raise RuntimeError(f"a loader ended with exit code {process.exitcode}") from error
            if isinstance(found, _Failure):
                raise RuntimeError(f"a loader failed:\n{found.trace}")
            yield Batch.from_arrays(found)


def _make(pipe: connection.Connection, material: Material, number: int, clock: Any) -> None:
    """One loader. Arrays travel, not tensors: those would leave shared memory behind when a process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer is told, and ends its loaders
    Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICER)
    torch.set_num_threads(1)
    try:
        tokenizer = load_tokenizer(material.tokenizer)
        shards = Shards(material.shards, material.pattern)
        seed = material.seed + SEED_STEP * number
        for batch in endless(shards, tokenizer, lambda: material.plan.lesson(clock.value), seed):
            pipe.send(batch.to_arrays())
    except BrokenPipeError:
        return
    except Exception:
        pipe.send(_Failure(traceback.format_exc()))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
