"""`bench peers`: what engines are told and answer, that unequal work is refused, and what a ratio is."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from voxduct.audio import SAMPLE_RATE
from voxduct.bench import peer_engines
from voxduct.bench.bundled import demo_clips
from voxduct.bench.peer_cases import FULL_S, Case, Group, budgeted_cases, spoken_cases
from voxduct.bench.peer_engines import KINDS, OURS, chosen
from voxduct.bench.peer_protocol import Load, Loaded, Ran
from voxduct.bench.peer_rounds import Record, alternate, rotated, write_order
from voxduct.bench.peer_worker import Worker, started
from voxduct.bench.peers import MIB, PeerOptions, SizeResult, figures, gates
from voxduct.cli import main
from voxduct.errors import ExtraError, ServerError

LOAD = Load(folder="model", threads=2)
# An engine of some lines: chooses the budget and `EXTRA` tokens more, and writes its turns to a file they all share.
FAKE = """
import json, sys
import numpy as np
name, turns, extra = sys.argv[1], sys.argv[2], int(sys.argv[3])
for line in sys.stdin:
    order = json.loads(line)
    print("a library says hello", file=sys.stderr)
    if order["type"] == "load":
        reply = {"type": "loaded", "seconds": 1.5, "peak_bytes": 1000, "version": order["folder"] + "-1"}
    elif not np.load(order["path"]).any():
        reply = {"type": "failed", "reason": "nothing to hear"}
    else:
        with open(turns, "a") as file:
            file.write(f"{name} {order['path']}\\n")
        reply = {"type": "ran", "seconds": 2.0, "processor_s": 3.0, "features_s": 0.25, "encode_s": 0.5,
                 "tokens": (order["budget"] or 1) + extra, "text": str(order["window"]), "peak_bytes": 2000}
    print(json.dumps(reply), flush=True)
"""
Start = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts fake engines and ends them."""
    with ExitStack() as stack:

        def one(name: str, extra: int = 0, program: str = FAKE) -> Worker:
            command = [sys.executable, "-c", program, name, str(tmp_path / "turns"), str(extra)]
            return stack.enter_context(started(name, command, tmp_path / f"{name}.log"))

        yield one


def case(name: str = "4 s", budget: int | None = 14, group: Group = Group.SHORT, level: float = 0.1) -> Case:
    return Case(name, group, np.full(4 * SAMPLE_RATE, level, np.float32), budget)


def ran(seconds: float, tokens: int = 10, features_s: float = 0.0, peak_mib: int = 1, text: str = "") -> Ran:
    return Ran(
        seconds=seconds, processor_s=2 * seconds, features_s=features_s, encode_s=0.0, tokens=tokens, text=text,
        peak_bytes=peak_mib * MIB,
    )  # fmt: skip


def result(records: list[Record], size: str = "tiny") -> SizeResult:
    engines = {record.engine: record for record in records}
    loaded = Loaded(seconds=1.0, peak_bytes=MIB, version="1")
    return SizeResult(size, dict.fromkeys(engines, loaded), {name: one.ran for name, one in engines.items()}, records)


def test_worker_orders_are_answered_in_turn(start: Start, tmp_path: Path) -> None:
    worker = start("fake")
    assert worker.load(LOAD) == Loaded(seconds=1.5, peak_bytes=1000, version="model-1")
    found = worker.run(write_order(case(), tmp_path))
    assert (found.tokens, found.seconds, found.model_s, found.decode_s) == (14, 2.0, 1.75, 1.25)
    assert int(found.text) == round(4.6 * SAMPLE_RATE)


def test_worker_failure_names_engine_and_reason(start: Start, tmp_path: Path) -> None:
    worker = start("fake")
    with pytest.raises(ServerError, match="fake failed: nothing to hear"):
        worker.run(write_order(case(level=0.0), tmp_path))
    assert worker.load(LOAD).version == "model-1"


def test_worker_that_dies_is_reported_with_its_last_words(start: Start) -> None:
    worker = start("fake", program="import sys; sys.exit('no such library')")
    with pytest.raises(ServerError, match=r"fake .*ended.*no such library"):
        worker.load(LOAD)


def test_worker_that_answers_anything_else_is_refused(start: Start) -> None:
    chatty = start("chatty", program="input(); print('hello')")
    with pytest.raises(ServerError, match="no reply"):
        chatty.load(LOAD)


def test_worker_that_answers_out_of_turn_is_refused(start: Start, tmp_path: Path) -> None:
    reply = '{"type": "loaded", "seconds": 1, "peak_bytes": 1, "version": ""}'
    hasty = start("hasty", program=f"input(); print({reply!r})")
    with pytest.raises(ServerError, match="Loaded where Ran was due"):
        hasty.run(write_order(case(), tmp_path))


def test_alternate_each_clip_goes_to_all_engines_and_each_engine_goes_first(start: Start, tmp_path: Path) -> None:
    workers = [start("a"), start("b")]
    records = alternate(workers, [case("one"), case("two"), case("three")], 2, tmp_path, settle_s=0.0)
    turns = [line.split() for line in (tmp_path / "turns").read_text().splitlines()]
    assert [name for name, _ in turns] == ["a", "b", "b", "a"] * 3
    assert [Path(path).stem for _, path in turns][::2] == ["one", "two", "three"] * 2
    assert [(record.engine, record.case.name, record.round) for record in records[-2:]] == [
        ("b", "three", 1),
        ("a", "three", 1),
    ]


@pytest.mark.parametrize("extra", [-1, 1])
def test_alternate_unequal_tokens_are_refused(start: Start, tmp_path: Path, extra: int) -> None:
    workers = [start("a"), start("b", extra=extra)]
    with pytest.raises(ServerError, match=rf"14 tokens were due, but b {14 + extra};"):
        alternate(workers, [case()], 1, tmp_path, settle_s=0.0)


def test_alternate_texts_that_end_by_themselves_may_differ(start: Start, tmp_path: Path) -> None:
    workers = [start("a"), start("b", extra=3)]
    records = alternate(workers, [case(budget=None)], 1, tmp_path, settle_s=0.0)
    assert [record.ran.tokens for record in records] == [1, 4]


def test_rotated_turn_moves_the_first_to_the_end(start: Start) -> None:
    workers = [start("a"), start("b"), start("c")]
    assert [[one.name for one in rotated(workers, turn)] for turn in (0, 1, 5)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
    ]


def test_ratio_median_of_pairs_then_geometric_mean_of_clips() -> None:
    pairs = {"2 s": [(1.0, 2.0), (1.0, 2.0), (10.0, 1.0)], "4 s": [(1.0, 8.0), (2.0, 16.0), (1.0, 1.0)]}
    records = []
    for name, rounds in pairs.items():
        for number, (ours, theirs) in enumerate(rounds):
            records += [Record("voxduct", case(name), number, ran(ours))]
            records += [Record("peer", case(name), number, ran(theirs))]
    found = result(records)
    assert found.by_case("peer", Group.SHORT, lambda one: one.seconds) == {"2 s": 2.0, "4 s": 8.0}
    assert found.ratio("peer", Group.SHORT, lambda one: one.seconds) == pytest.approx(4.0)
    assert found.ratio("peer", Group.FULL_WINDOW, lambda one: one.seconds) is None
    assert found.ratio("absent", Group.SHORT, lambda one: one.seconds) is None
    assert found.total("voxduct", Group.SHORT, lambda one: one.seconds) == pytest.approx(2.0)


def test_gates_say_what_was_wanted_and_whether_it_was_met() -> None:
    full = case("30 s", 105, Group.FULL_WINDOW)
    records = [
        Record("voxduct", case(), 0, ran(1.0, features_s=0.5, peak_mib=100)),
        Record("faster_whisper", case(), 0, ran(9.0, features_s=1.0, peak_mib=90)),
        Record("ctranslate2", case(), 0, ran(1.5, features_s=1.0)),
        Record("voxduct", full, 0, ran(4.0, peak_mib=110)),
        Record("faster_whisper", full, 0, ran(6.0, peak_mib=120)),
    ]
    assert gates([result(records)])["tiny"] == {
        "short": {"wanted": 8.0, "found": 9.0, "met": True},
        "full_window": {"wanted": 2.0, "found": 1.5, "met": False},
        "equal_window": {"wanted": 1.5, "found": 1.0, "met": False},
        "peak_mib": {"wanted": 120, "found": 110, "met": True},
    }


def test_figures_ratios_by_group_and_size_and_engines_left_out_with_the_reason(tmp_path: Path) -> None:
    said = Case("clip", Group.SHORT, np.zeros(SAMPLE_RATE, np.float32), None, "seven green bottles")
    records = [
        Record("voxduct", said, 0, ran(1.0, text="seven green bottles")),
        Record("faster_whisper", said, 0, ran(3.0, text="seven bottles")),
    ]
    kinds = [OURS, KINDS["faster_whisper"]]
    options = PeerOptions(sizes=["embedded"], engines=kinds, rounds=1, threads=2, spinning=False, cache=tmp_path)
    found = figures([result(records, "embedded")], options)
    assert found["ratio_vs_faster_whisper"] == {"short": {"embedded": 3.0}, "full_window": {"embedded": None}}
    assert found["ratio_vs_sherpa_onnx"] is None
    assert "sherpa_onnx" in str(found["left_out"])
    engines = found["engines"]
    assert isinstance(engines, dict)
    assert {name: one["wer"] for name, one in engines["embedded"].items()} == {"voxduct": 0.0, "faster_whisper": 0.3333}


def test_budgeted_cases_are_so_long_and_have_tokens_by_length() -> None:
    made = budgeted_cases(demo_clips(), (2, FULL_S))
    assert [(one.samples.size, one.budget, one.group) for one in made] == [
        (2 * SAMPLE_RATE, 7, Group.SHORT),
        (30 * SAMPLE_RATE, 105, Group.FULL_WINDOW),
    ]
    assert [one.window for one in made] == [round(2.6 * SAMPLE_RATE), 30 * SAMPLE_RATE]


def test_spoken_cases_end_by_themselves_and_leave_long_clips_out() -> None:
    clips = demo_clips()
    made = spoken_cases(clips)
    assert made
    assert all(one.budget is None and one.reference and one.samples.size <= 10 * SAMPLE_RATE for one in made)
    assert len(made) == sum(clip.samples().size <= 10 * SAMPLE_RATE for clip in clips)


def test_chosen_outside_a_checkout_says_where_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peer_engines, "CHECKOUT", tmp_path)
    with pytest.raises(ServerError, match="only a checkout has"):
        chosen(["faster_whisper"])


def test_chosen_without_a_peer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ctranslate2" else name)
    with pytest.raises(ExtraError, match=r"needs ctranslate2: pip install 'voxduct\[peers\]'"):
        chosen(["transformers"])


def test_bench_peers_unknown_size_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "peers", "--sizes", "tiny,huge"])
    assert ended.value.code == 2
    assert "huge is none of tiny, base" in capsys.readouterr().err
