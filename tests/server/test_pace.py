"""Whose update is next, how often updates run, which jobs run together, and when nobody more may come in."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from voxduct.models import Job, JobKind, SharedRun
from voxduct.server.job_queue import MOST_TOGETHER, RECENT_S, JobQueue
from voxduct.server.limits import Limits
from voxduct.server.pace import BASE_S, GREATEST_STRETCH, Pace, UpdateGate
from voxduct.server.registry import Registry, ServerState
from voxduct.server.scheduler import run_together


def observed(*busy: float) -> Pace:
    pace = Pace()
    for share in busy:
        pace.observe(share)
    return pace


def test_pace_of_a_busy_machine_is_slower_and_of_an_idle_one_as_it_was() -> None:
    assert observed(0.95).stretch > 1.0
    assert observed(*[0.95] * 100).stretch == GREATEST_STRETCH
    assert observed(*[0.95] * 3, *[0.5] * 100).stretch == 1.0


def test_pace_between_busy_and_easy_stays() -> None:
    settled = observed(0.95, 0.95)
    before = settled.stretch
    for share in (0.75, 0.85, 0.8):
        settled.observe(share)
    assert settled.stretch == before


def test_pace_is_relaxed_only_with_time_to_spare() -> None:
    assert observed(0.5).relaxed
    assert not observed(0.95).relaxed


def test_gate_lets_the_longest_due_update_in_first() -> None:
    gate: UpdateGate[str] = UpdateGate(1, Pace())
    for now, lane in enumerate(("first", "second", "third")):
        gate.want(lane, True, now)
    gate.want("first", True, 3.0)  # asking again keeps the place
    turns = [gate.next(4.0) for _ in range(3)]
    assert turns == ["first", "second", "third"]


def test_gate_with_its_room_taken_waits_until_one_has_left() -> None:
    gate: UpdateGate[str] = UpdateGate(1, Pace())
    gate.want("a", True, 0.0)
    gate.entered()
    assert gate.next(9.0) is None
    gate.left()
    assert gate.next(9.0) == "a"


def test_gate_forgets_a_lane_that_wants_nothing_any_more() -> None:
    gate: UpdateGate[str] = UpdateGate(1, Pace())
    gate.want("a", True, 0.0)
    gate.want("a", False, 1.0)
    assert gate.next(2.0) is None
    assert len(gate) == 0


def test_gate_at_a_slower_pace_lets_a_due_update_wait() -> None:
    pace = Pace()
    pace.stretch = 2.0
    gate: UpdateGate[str] = UpdateGate(1, pace)
    gate.want("a", True, 0.0)
    assert gate.next(0.9 * BASE_S) is None
    assert gate.next(1.1 * BASE_S) == "a"


def doubled(numbers: Sequence[object]) -> list[object]:
    return [2 * number for number in numbers if isinstance(number, int)]


def broken(numbers: Sequence[object]) -> list[object]:
    raise RuntimeError("out of memory")


def judging(number: int) -> Job:
    return Job(JobKind.VAD, lambda: 2 * number, 0, SharedRun(doubled, number))


def test_queue_takes_waiting_jobs_of_one_model_together() -> None:
    queue: JobQueue[str] = JobQueue(1)
    jobs = [judging(number) for number in range(MOST_TOGETHER + 2)]
    other = Job(JobKind.FINAL, lambda: None, 0)
    for job in (other, *jobs):
        queue.put(queue.ticket(job, "lane", 0.0))
    taken = [[ticket.job for ticket in queue.take(1.0)] for _ in range(4)]
    assert taken == [jobs[:MOST_TOGETHER], jobs[MOST_TOGETHER:], [other], []]


def test_queue_does_not_mix_models() -> None:
    queue: JobQueue[str] = JobQueue(1)
    jobs = [judging(1), Job(JobKind.VAD, lambda: None, 0, SharedRun(broken, 1)), Job(JobKind.VAD, lambda: None, 0)]
    for job in jobs:
        queue.put(queue.ticket(job, "lane", 0.0))
    assert [[ticket.job for ticket in queue.take(1.0)] for _ in range(3)] == [[job] for job in jobs]


def test_queue_order_is_that_in_which_jobs_may_run_not_that_in_which_they_came() -> None:
    queue: JobQueue[str] = JobQueue(1)
    came_first, came_second = (queue.ticket(Job(JobKind.FINAL, lambda: None, 0), lane, 0.0) for lane in "ab")
    queue.put(came_second)
    queue.put(came_first)
    assert [[ticket.owner for ticket in queue.take(1.0)] for _ in range(2)] == [["b"], ["a"]]


def test_run_together_gives_what_each_alone_would() -> None:
    jobs = [judging(number) for number in range(3)]
    assert run_together(jobs) == run_together(jobs[:1]) + run_together(jobs[1:]) == [0, 2, 4]


def test_run_together_that_fails_runs_each_alone() -> None:
    good, bad = (Job(JobKind.VAD, run, 0, SharedRun(broken, 0)) for run in (lambda: 1, lambda: 1 // 0))
    results = run_together([good, bad])
    assert results[0] == 1
    assert isinstance(results[1], ZeroDivisionError)


def test_queue_delay_of_many_short_waits_does_not_hide_a_long_one() -> None:
    queue: JobQueue[str] = JobQueue(1)
    for _ in range(99):
        queue.put(queue.ticket(Job(JobKind.VAD, lambda: None, 0), "lane", 3.0))
        queue.take(3.0)
    queue.put(queue.ticket(Job(JobKind.FINAL, lambda: None, 0), "lane", 0.0))
    queue.take(3.0)
    assert queue.delay(3.0) == 3.0
    assert queue.delay(3.0 + 2 * RECENT_S) == 0.0


def test_queue_firm_load_counts_what_cannot_be_left_out() -> None:
    queue: JobQueue[str] = JobQueue(2)
    queue.ran(JobKind.FINAL, 3.0, 4.0)
    queue.ran(JobKind.VAD, 1.0, 4.0)
    queue.ran(JobKind.UPDATE, 4.0, 4.0)
    assert queue.firm_load(5.0) == pytest.approx(4.0 / (2 * RECENT_S))
    assert queue.busy(5.0) == pytest.approx(8.0 / (2 * RECENT_S))
    assert queue.firm_load(20.0) == 0.0


async def test_registry_refuses_while_finals_would_be_late() -> None:
    load = 0.79
    registry = Registry(Limits(max_firm_load=0.8), lambda: 0.0, lambda: load)
    registry.state = ServerState.READY
    assert registry.refusal() is None
    load = 0.81
    refusal = registry.refusal()
    assert refusal is not None
    assert (refusal.status, refusal.code) == (503, "overloaded")
