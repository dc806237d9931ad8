"""What is cold and what is warm, and that every start is one of a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.clients.fake_server import FakeServer, recognise
from voxduct.bench.live import Arrival, Spoken
from voxduct.bench.local_server import Address
from voxduct.bench.speaking import first_audio


def spoken(first_ms: int | None) -> Spoken:
    arrivals = () if first_ms is None else (Arrival(first_ms / 1000, 160), Arrival(9.0, 160))
    return Spoken(np.zeros(320, np.float32), 16_000, arrivals, 9.0, "completed")


def test_first_audio_of_each_start_is_cold_and_the_others_are_warm() -> None:
    runs = [[spoken(300), spoken(40), spoken(60)], [spoken(500), spoken(50)]]
    assert first_audio.figures(runs) == {
        "first_audio_starts": 2,
        "first_audio_missing": 0,
        "first_audio_cold_p50_ms": 400,
        "first_audio_cold_p95_ms": 490,
        "first_audio_warm_p50_ms": 50,
        "first_audio_warm_p95_ms": 59,
    }


def test_first_audio_that_never_came_is_counted_and_in_no_percentile() -> None:
    found = first_audio.figures([[spoken(None), spoken(40)]])
    assert found["first_audio_missing"] == 1
    assert found["first_audio_cold_p50_ms"] is None


def test_first_audio_starts_a_server_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    @contextmanager
    def start() -> Iterator[Address]:
        started.append(len(started))
        yield Address("127.0.0.1", 1 + started[-1])

    async def ask(url: str, voice: str | None = None) -> list[Spoken]:
        return [spoken(100 * int(url.removeprefix("ws://127.0.0.1:")[:1])), spoken(10)]

    monkeypatch.setattr(first_audio, "ask", ask)
    found = first_audio.measure(start, 3, "ada")
    assert started == [0, 1, 2]
    assert (found["first_audio_cold_p50_ms"], found["first_audio_warm_p95_ms"]) == (200, 10)


async def test_first_audio_asks_for_every_text_in_one_session() -> None:
    async with FakeServer(recognise) as server:
        said = await first_audio.ask(server.url)
        assert len(server.talks) == 1
    assert [len(one.samples) for one in said] == [len(text) for text in first_audio.TEXTS]


def test_first_audio_of_a_server_that_runs_already_has_no_cold_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(url: str, voice: str | None = None) -> list[Spoken]:
        return [spoken(30), spoken(20)]

    monkeypatch.setattr(first_audio, "ask", ask)
    found = first_audio.measure_warm(Address("127.0.0.1", 1))
    assert (found["first_audio_cold_p50_ms"], found["first_audio_warm_p50_ms"]) == (None, 20)
