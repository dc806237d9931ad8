"""Runs the engines in turn over the same clips: one works, the others wait, and each goes first as often."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.bench.peer_cases import Case
from voxduct.bench.peer_protocol import Ran, Run
from voxduct.bench.peer_worker import Worker
from voxduct.bench.progress import tracked
from voxduct.errors import ServerError

SETTLE_S = 0.3  # OpenMP's idle threads spin for 0.2 s after a run


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One run of one engine."""

    engine: str
    case: Case
    round: int
    ran: Ran


def alternate(
    workers: Sequence[Worker], cases: Sequence[Case], rounds: int, folder: Path, settle_s: float = SETTLE_S
) -> list[Record]:
    """Every case by every engine, as many times as there are rounds; samples are handed over as files in `folder`.

    Raises:
        ServerError: an engine fails, or does more or less than the case's budget.
    """
    orders = {case.name: write_order(case, folder) for case in cases}
    turns = [(number, case) for number in range(rounds) for case in cases]
    records = []
    for turn, (number, case) in enumerate(tracked(turns, "peers")):
        for worker in rotated(workers, turn):
            time.sleep(settle_s)
            records.append(Record(worker.name, case, number, worker.run(orders[case.name])))
        check_equal_work(case, {record.engine: record.ran for record in records[-len(workers) :]})
    return records


def write_order(case: Case, folder: Path) -> Run:
    """The order to run a case, its samples written to a file."""
    path = folder / f"{case.name.replace(' ', '_')}.npy"
    np.save(path, case.samples)
    return Run(path=str(path), window=case.window, budget=case.budget)


def rotated(workers: Sequence[Worker], turn: int) -> list[Worker]:
    """The engines in the order of this turn."""
    first = turn % len(workers)
    return [*workers[first:], *workers[:first]]


def check_equal_work(case: Case, ran: Mapping[str, Ran]) -> None:
    """Raises ServerError where an engine did not choose exactly the case's budget of tokens."""
    if case.budget is None:
        return
    if wrong := {engine: one.tokens for engine, one in ran.items() if one.tokens != case.budget}:
        said = ", ".join(f"{engine} {tokens}" for engine, tokens in wrong.items())
        raise ServerError(f"unequal work on {case.name}: {case.budget} tokens were due, but {said}; no ratio holds")
