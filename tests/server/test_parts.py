"""The server's parts that need no socket: the scheduler, what waits to be sent, the clocks."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.server.fakes import FakeBackend, ManualClock, eventually
from voxduct import wire
from voxduct.events import FinalText, SpeechAudio, SpeechStopped
from voxduct.models import Job, JobKind
from voxduct.server import page
from voxduct.server.dialogue import Dialogue
from voxduct.server.limits import Limits
from voxduct.server.metrics import Metrics
from voxduct.server.outbox import Outbox
from voxduct.server.scheduler import LANE_WIDTH, JobScheduler
from voxduct.server.timeline import Timeline
from voxduct.server.warm_up import warm_up
from voxduct.server.watch import Watch

# --- the scheduler


async def test_scheduler_runs_the_most_urgent_job_first() -> None:
    gate = threading.Event()
    ran: list[object] = []
    results: asyncio.Queue[tuple[Job, object]] = asyncio.Queue()
    async with JobScheduler(1, ManualClock(), Metrics()) as scheduler:
        lanes = [scheduler.lane(lambda job, result: results.put_nowait((job, result))) for _ in range(5)]
        lanes[0].submit(Job(JobKind.VAD, lambda: gate.wait(30), 0))
        kinds = [JobKind.UPDATE, JobKind.SPEECH, JobKind.FINAL, JobKind.VAD]
        for lane, kind in zip(lanes[1:], kinds, strict=True):
            lane.submit(Job(kind, partial(ran.append, kind), 0))
        gate.set()
        for _ in range(5):
            await asyncio.wait_for(results.get(), 10)
        assert ran == sorted(kinds)


async def test_scheduler_hands_back_what_a_job_returned_or_raised() -> None:
    results: asyncio.Queue[tuple[Job, object]] = asyncio.Queue()
    async with JobScheduler(2, ManualClock(), Metrics()) as scheduler:
        lane = scheduler.lane(lambda job, result: results.put_nowait((job, result)))
        good, bad = Job(JobKind.FINAL, lambda: 42, 0), Job(JobKind.FINAL, lambda: 1 / 0, 0)
        lane.submit(good)
        lane.submit(bad)
        got = dict([await asyncio.wait_for(results.get(), 10) for _ in range(2)])
        assert got[good] == 42
        assert isinstance(got[bad], ZeroDivisionError)


async def test_scheduler_drops_the_jobs_of_a_closed_lane() -> None:
    gate = threading.Event()
    ran: list[object] = []
    results: list[object] = []
    async with JobScheduler(1, ManualClock(), Metrics()) as scheduler:
        busy = scheduler.lane(lambda job, result: results.append(result))
        gone = scheduler.lane(lambda job, result: results.append(result))
        busy.submit(Job(JobKind.VAD, lambda: gate.wait(30), 0))
        gone.submit(Job(JobKind.FINAL, lambda: ran.append("gone"), 0))
        gone.close()
        busy.submit(Job(JobKind.UPDATE, lambda: "last", 0))
        gate.set()
        await eventually(lambda: "last" in results)
        assert ran == []
        assert results == [True, "last"]


async def test_scheduler_lets_one_session_fill_only_its_lane() -> None:
    gate = threading.Event()
    ran: list[object] = []
    async with JobScheduler(1, ManualClock(), Metrics()) as scheduler:
        greedy, modest = (scheduler.lane(lambda job, result: ran.append(result)) for _ in range(2))
        for number in range(20):
            greedy.submit(Job(JobKind.FINAL, partial(wait_and_return, gate, number), 0))
        modest.submit(Job(JobKind.FINAL, lambda: "modest", 0))
        gate.set()
        await eventually(lambda: len(ran) == 21)
        assert ran.index("modest") <= LANE_WIDTH + 1


def wait_and_return(gate: threading.Event, value: object) -> object:
    assert gate.wait(30)
    return value


async def test_scheduler_queue_delay_grows_while_jobs_wait_and_is_forgotten() -> None:
    gate, clock = threading.Event(), ManualClock()
    ran: list[object] = []
    async with JobScheduler(1, clock, Metrics()) as scheduler:
        lane = scheduler.lane(lambda job, result: ran.append(result))
        lane.submit(Job(JobKind.VAD, lambda: gate.wait(30), 0))
        lane.submit(Job(JobKind.FINAL, lambda: None, 0))
        await clock.advance(4.0)
        assert scheduler.queue_delay() == 4.0
        gate.set()
        await eventually(lambda: len(ran) == 2)
        await clock.advance(6.0)
        assert scheduler.queue_delay() == 0.0


@pytest.mark.parametrize(("workers", "begins_beside"), [(1, []), (2, [0]), (4, [0, 1]), (8, [0, 1, 2, 3])])
async def test_scheduler_begins_a_revision_only_with_threads_to_spare(workers: int, begins_beside: list[int]) -> None:
    for busy in range(workers):
        gate, began = threading.Event(), threading.Semaphore(0)
        ran: list[object] = []
        async with JobScheduler(workers, ManualClock(), Metrics()) as scheduler:
            lane = scheduler.lane(lambda job, result, ran=ran: ran.append(result))  # type: ignore[misc]
            for _ in range(busy):
                other = scheduler.lane(lambda job, result: None)
                other.submit(Job(JobKind.VAD, partial(wait_begun, began, gate), 0))
            for _ in range(busy):
                assert await asyncio.to_thread(began.acquire, timeout=10)
            lane.submit(Job(JobKind.REVISION, lambda: "revised", 0))
            for number in range(2 * LANE_WIDTH):  # a revision that waits takes no place in the lane
                lane.submit(Job(JobKind.UPDATE, partial(str, number), 0))
            await eventually(lambda ran=ran: len(ran) >= 2 * LANE_WIDTH)  # type: ignore[misc]
            if busy in begins_beside:
                await eventually(lambda ran=ran: "revised" in ran)  # type: ignore[misc]
            assert ("revised" in ran) == (busy in begins_beside), busy
            gate.set()
            if workers > 1:
                await eventually(lambda ran=ran: "revised" in ran)  # type: ignore[misc]


def wait_begun(began: threading.Semaphore, gate: threading.Event) -> object:
    began.release()
    return wait_and_return(gate, None)


async def test_scheduler_queue_delay_is_not_that_of_revisions() -> None:
    clock = ManualClock()
    async with JobScheduler(1, clock, Metrics()) as scheduler:
        scheduler.lane(lambda job, result: None).submit(Job(JobKind.REVISION, lambda: None, 0))
        await clock.advance(60.0)
        assert scheduler.queue_delay() == 0.0


# --- what waits to be sent


def revisable(utterance: int, text: str) -> wire.PartialMessage:
    return wire.PartialMessage(utterance=utterance, text=text, time=0.0)


def drained(outbox: Outbox) -> list[wire.Outgoing]:
    return list(iter(outbox.pop, None))


def test_outbox_keeps_the_newest_partial_of_each_utterance() -> None:
    outbox = Outbox(8, 2.0)
    for number in range(1000):
        outbox.push(revisable(0, str(number)))
    outbox.push(revisable(1, "other"))
    assert drained(outbox) == [revisable(0, "999"), revisable(1, "other")]


def test_outbox_final_makes_its_partials_void_and_nothing_else() -> None:
    outbox = Outbox(8, 2.0)
    final = wire.FinalMessage(utterance=0, text="", start=0, end=0, words=[], confidence=0, language="en")
    marker = wire.MarkerEcho(id="m", time=0.0)
    for item in (marker, revisable(0, "a"), revisable(1, "b"), final):
        outbox.push(item)
    assert drained(outbox) == [marker, revisable(1, "b"), final]


def test_outbox_is_full_of_messages_that_must_be_sent() -> None:
    outbox = Outbox(2, 2.0)
    for number in range(5):
        outbox.push(revisable(number, "a"))
    assert not outbox.full
    outbox.push(wire.MarkerEcho(id="m", time=0.0))
    outbox.push(wire.MarkerEcho(id="n", time=0.0))
    assert outbox.full
    drained(outbox)
    assert not outbox.full


def test_outbox_counts_speech_and_drops_what_is_cancelled() -> None:
    outbox = Outbox(8, 2.0)
    outbox.push(wire.SpeechAudioStartMessage(id="a", voice="ann", sample_rate=10))
    for request in ("a", "a", "b"):
        outbox.push(wire.SpeechWordsMessage(id=request, words=[]))
        outbox.push(SpeechAudio(request, 0, np.zeros(8, np.float32)))
    assert outbox.speech_full
    outbox.drop_speech("a")
    assert not outbox.speech_full
    kinds = [wire.SpeechAudioStartMessage, wire.SpeechWordsMessage, SpeechAudio]
    assert [type(item) for item in drained(outbox)] == kinds


# --- time


def test_watch_client_that_reads_a_little_is_not_slow() -> None:
    watch = Watch(Limits(slow_client_s=10.0), 0.0)
    watch.unread(True, 0.0)
    watch.unread(True, 9.0)
    assert watch.slow(9.0) is None
    watch.unread(False, 9.5)
    watch.unread(True, 9.6)
    assert watch.slow(12.0) is None
    assert watch.slow(19.6) is not None


def test_watch_earlier_deadline_stands() -> None:
    watch = Watch(Limits(), 0.0)
    watch.wind_down(0.0, 5.0)
    watch.wind_down(1.0, 60.0)
    assert not watch.late(4.9)
    assert watch.late(5.0)


def test_timeline_tells_latency_from_arrival_and_lag_from_unfinished_utterances() -> None:
    metrics = Metrics()
    timeline = Timeline(metrics)
    timeline.heard(16_000, 1.0)
    timeline.heard(32_000, 2.0)
    timeline.observe(SpeechStopped(0, 15_000, 20_000), 2.0)
    assert timeline.lag(32_000) == 12_000
    timeline.observe(FinalText(0, 0, 15_000, (), 0.9, "en"), 2.5)
    assert timeline.lag(32_000) == 0
    assert metrics.registry.get_sample_value("voxduct_final_latency_seconds_sum") == pytest.approx(1.5)
    assert metrics.registry.get_sample_value("voxduct_audio_seconds_total") == 2.0


# --- the rest


def test_dialogue_without_a_socket_holds_a_conversation() -> None:
    jobs: list[Job] = []
    dialogue = Dialogue("d", FakeBackend(), Limits(), Metrics(), submit=jobs.append, now=lambda: 0.0)
    dialogue.receive('{"type": "start"}')
    dialogue.receive('{"type": "say", "text": "ab"}')
    dialogue.receive('{"type": "stop"}')
    said: list[str | bytes | None] = []
    while not dialogue.finished or said[-1] is not None:
        while jobs:
            job = jobs.pop(0)
            dialogue.receive_result(job, job.run())
        said.append(dialogue.next_message())
    kinds = [type(wire.decode_server(message)) for message in said if isinstance(message, str)]
    assert kinds == [wire.Ready, wire.SpeechAudioStartMessage, wire.SpeechAudioEndMessage, wire.Stopped]


def test_warm_up_hears_and_speaks_before_anybody_came() -> None:
    kinds: list[JobKind] = []
    warm_up(FakeBackend(kinds.append))
    assert {JobKind.VAD, JobKind.FINAL, JobKind.SPEECH} == set(kinds)


def test_page_files_are_all_there() -> None:
    folder = page.page_folder()
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == set(page.FILES)


def test_page_knows_only_messages_of_the_protocol() -> None:
    folder = page.page_folder() or Path()
    script = (folder / "client.js").read_text()
    known = {kind.__struct_config__.tag for kind in get_args(wire.AnyServerMessage)}
    handled = {line.split('"')[1] for line in script.splitlines() if line.strip().startswith("case ")}
    assert handled <= known
