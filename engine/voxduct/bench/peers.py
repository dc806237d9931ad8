"""How fast is the recogniser beside other engines, on the same weights, clips and threads?

A ratio is the peer's seconds over ours: of each clip the median over rounds of the pairs, each pair from one turn;
then the geometric mean over clips. `ctranslate2` alone hears our window and is compared without features; all others
are compared from samples to text.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median
from typing import TypeAlias

from voxduct.bench.bundled import bundled, demo_clips
from voxduct.bench.clips import read_clips
from voxduct.bench.peer_cases import FULL_S, SHORT_S, Case, Group, budgeted_cases, spoken_cases
from voxduct.bench.peer_engines import CTRANSLATE2, LEFT_OUT, OURS, EngineKind, command, environment, make_models
from voxduct.bench.peer_protocol import Load, Loaded, Ran
from voxduct.bench.peer_rounds import Record, alternate, write_order
from voxduct.bench.peer_worker import Worker, started
from voxduct.bench.results import rounded
from voxduct.bench.scoring import WordErrors, word_errors

Nested: TypeAlias = dict[str, object]
Measure: TypeAlias = Callable[[Ran], float]
MIB = 1 << 20

# What the project wants, by size: at least so many times faster than faster-whisper on short clips and on full
# windows, and than CTranslate2 at equal window.
GATES = {"tiny": (8.0, 2.0, 1.5), "base": (8.0, 2.0, 1.5), "small": (5.0, 1.5, 1.2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOptions:
    """How the engines are compared."""

    sizes: Sequence[str]
    engines: Sequence[EngineKind]
    rounds: int
    threads: int
    spinning: bool
    """Of our idle threads; the peers' do as they are wont to."""
    cache: Path


@dataclass(frozen=True, slots=True, eq=False)
class SizeResult:
    """What was measured of one size."""

    size: str
    loaded: Mapping[str, Loaded]
    first: Mapping[str, Ran]
    """The run before the first round, part of the warm-up."""
    records: Sequence[Record]

    def ratio(self, peer: str, group: Group, measure: Measure) -> float | None:
        """How many times as much the peer takes as we do; None when it was not run."""
        found = [ratio for ratio in self.by_case(peer, group, measure).values() if ratio > 0]
        return geometric_mean(found) if found else None

    def by_case(self, peer: str, group: Group, measure: Measure) -> dict[str, float]:
        """The ratio of each clip, by its name."""
        spent: dict[str, dict[int, dict[str, float]]] = {}
        for one in self.records:
            if one.case.group is group and one.engine in (peer, OURS.name):
                spent.setdefault(one.case.name, {}).setdefault(one.round, {})[one.engine] = measure(one.ran)
        return {
            case: median(pair[peer] / pair[OURS.name] for pair in rounds.values())
            for case, rounds in spent.items()
            if all(peer in pair for pair in rounds.values())
        }

    def total(self, engine: str, group: Group, measure: Measure) -> float:
        """Sum over the clips of a group of their medians."""
        spent: dict[str, list[float]] = {}
        for one in self.records:
            if one.engine == engine and one.case.group is group:
                spent.setdefault(one.case.name, []).append(measure(one.ran))
        return sum(median(values) for values in spent.values())

    def peak_bytes(self, engine: str) -> int:
        """The process's greatest resident memory, over all its clips."""
        return max(one.ran.peak_bytes for one in self.records if one.engine == engine)

    def wer(self, engine: str) -> float | None:
        """Word errors of the first round, over the clips whose words are known."""
        heard = [one for one in self.records if one.engine == engine and one.round == 0 and one.case.reference]
        errors = [word_errors(one.case.reference or "", one.ran.text) for one in heard]
        return sum(errors, WordErrors()).rate if errors else None


def measure(options: PeerOptions) -> list[SizeResult]:
    """Makes the models where need be, and runs all engines over all cases, size by size."""
    folders = {size: make_models(size, options.cache) for size in options.sizes}
    return [_measure_size(size, folders[size], options) for size in options.sizes]


def cases_of(size: str) -> list[Case]:
    """What is heard with a size's weights."""
    clips = read_clips(bundled("heldout_clips"))
    if size != "embedded":
        return budgeted_cases(clips, (*SHORT_S, FULL_S))
    return [*spoken_cases([*demo_clips(), *clips]), *budgeted_cases(clips, (FULL_S,))]


def _measure_size(size: str, folders: Mapping[str, str], options: PeerOptions) -> SizeResult:
    cases = cases_of(size)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workers, loaded = [], {}
        for kind in options.engines:
            log = place / f"{kind.name}.log"
            worker = stack.enter_context(started(kind.name, command(kind), log, environment()))
            order = Load(folder=folders[kind.takes], threads=options.threads, spinning=options.spinning)
            loaded[kind.name] = worker.load(order)
            workers.append(worker)
            print(f"{size}: {kind.name} {loaded[kind.name].version} is ready", file=sys.stderr)
        first = _warm_up(workers, cases[0], place)
        return SizeResult(size, loaded, first, alternate(workers, cases, options.rounds, place))


def _warm_up(workers: Sequence[Worker], case: Case, folder: Path) -> dict[str, Ran]:
    order = write_order(case, folder)
    return {worker.name: worker.run(order) for worker in workers}


def figures(results: Sequence[SizeResult], options: PeerOptions) -> Nested:
    """Ratios by group and size, then what they are made of, by size and engine."""
    names = [kind.name for kind in options.engines]
    found: Nested = {"threads": options.threads, "rounds": options.rounds, "spinning": options.spinning}
    for name in names:
        if name != OURS.name:
            found[f"ratio_vs_{name}"] = ratios(results, name, measure_of(name))
            found[f"processor_ratio_vs_{name}"] = ratios(results, name, _processor_s)
    found |= {f"ratio_vs_{name}": None for name in LEFT_OUT}
    sizes = {one.size: {name: _engine_figures(one, name) for name in names} for one in results}
    return found | {"gates": gates(results), "engines": sizes, "left_out": LEFT_OUT}


def measure_of(peer: str) -> Measure:
    """What of a run is compared with this peer."""
    return _model_s if peer == CTRANSLATE2.name else _seconds


def ratios(results: Sequence[SizeResult], peer: str, measure: Measure) -> Nested:
    """`{group: {size: ratio}}`."""
    return {group.value: {one.size: rounded(one.ratio(peer, group, measure), 2) for one in results} for group in Group}


def gates(results: Sequence[SizeResult]) -> Nested:
    """What was wanted and what was found, by size; only where the peer was run."""
    found: Nested = {}
    for one in results:
        wanted = dict(zip(("short", "full_window", "equal_window"), GATES.get(one.size, ()), strict=False))
        got = {
            "short": one.ratio("faster_whisper", Group.SHORT, _seconds),
            "full_window": one.ratio("faster_whisper", Group.FULL_WINDOW, _seconds),
            "equal_window": one.ratio("ctranslate2", Group.SHORT, _model_s),
        }
        lines: Nested = {
            name: {"wanted": least, "found": rounded(value, 2), "met": value >= least}
            for name, least in wanted.items()
            if (value := got[name]) is not None
        }
        if "faster_whisper" in one.loaded:
            ours, theirs = (round(one.peak_bytes(name) / MIB) for name in (OURS.name, "faster_whisper"))
            lines["peak_mib"] = {"wanted": theirs, "found": ours, "met": ours <= theirs}
        found[one.size] = lines
    return found


def _engine_figures(one: SizeResult, engine: str) -> Nested:
    made: Nested = {
        "version": one.loaded[engine].version,
        "load_s": rounded(one.loaded[engine].seconds, 2),
        "first_s": rounded(one.first[engine].seconds, 3),
        "peak_loaded_mib": round(one.loaded[engine].peak_bytes / MIB),
        "peak_mib": round(one.peak_bytes(engine) / MIB),
        "wer": rounded(one.wer(engine)),
    }
    for group in Group:
        tokens = one.total(engine, group, lambda ran: float(ran.tokens))
        decode_s = one.total(engine, group, lambda ran: ran.decode_s)
        made[group.value] = {
            "seconds": rounded(one.total(engine, group, _seconds), 3),
            "processor_s": rounded(one.total(engine, group, _processor_s), 3),
            "features_s": rounded(one.total(engine, group, lambda ran: ran.features_s), 3),
            "encode_s": rounded(one.total(engine, group, lambda ran: ran.encode_s), 3),
            "decode_s": rounded(decode_s, 3),
            "tokens": round(tokens),
            "token_ms": rounded(1000 * decode_s / tokens, 2) if tokens else None,
        }
    return made


def runs(results: Sequence[SizeResult]) -> list[Nested]:
    """Every run, for the record."""
    return [
        {
            "size": one.size, "engine": record.engine, "clip": record.case.name, "round": record.round,
            "seconds": rounded(record.ran.seconds), "processor_s": rounded(record.ran.processor_s),
            "encode_s": rounded(record.ran.encode_s), "tokens": record.ran.tokens,
        }
        for one in results
        for record in one.records
    ]  # fmt: skip


def _seconds(ran: Ran) -> float:
    return ran.seconds


def _processor_s(ran: Ran) -> float:
    return ran.processor_s


def _model_s(ran: Ran) -> float:
    return ran.model_s
