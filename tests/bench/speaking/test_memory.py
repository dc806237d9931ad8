"""Memory that grows as it is told to, on a clock that speaking moves."""

from __future__ import annotations

import os

import pytest

from voxduct.bench.local_server import Address
from voxduct.bench.speaking.memory import KIB, MIB, Reading, figures, measure, resident_bytes, slope_kib_per_min, watch


class Server:
    """Every text takes six seconds. Memory is `sizes_kib` after so many texts, and so much more per text."""

    def __init__(self, *sizes_kib: int, per_text_kib: int = 0) -> None:
        self.now = 100.0
        self.spoken: list[int] = []
        self._sizes, self._per_text = sizes_kib, per_text_kib

    async def speak(self, number: int) -> None:
        self.spoken.append(number)
        self.now += 6.0

    def resident(self) -> int:
        texts = len(self.spoken)
        start = self._sizes[min(texts, len(self._sizes) - 1)]
        return KIB * (start + self._per_text * texts)


async def run(server: Server, seconds: float) -> list[Reading]:
    return await watch(server.speak, server.resident, seconds, clock=lambda: server.now)


async def test_memory_is_read_around_every_text_until_the_time_is_over() -> None:
    server = Server(1000)
    readings = await run(server, 60.0)
    assert server.spoken == list(range(10))
    assert [one.at_s for one in readings] == [6.0 * number for number in range(11)]


async def test_memory_that_leaks_has_its_slope() -> None:
    found = figures(await run(Server(1000, per_text_kib=3), 60.0), 55.0)
    assert found["memory_slope_kib_per_min"] == pytest.approx(30.0)
    assert (found["memory_minutes"], found["memory_speech_s"]) == (1.0, 55.0)


async def test_memory_that_only_grows_at_first_has_no_slope() -> None:
    found = figures(await run(Server(1024, 2048, 3072), 60.0), 55.0)
    assert found["memory_slope_kib_per_min"] == pytest.approx(0.0, abs=1e-6)
    assert (found["memory_start_mib"], found["memory_end_mib"]) == (1.0, 3.0)


def test_memory_slope_of_two_readings_is_unknown() -> None:
    assert slope_kib_per_min([Reading(0.0, MIB), Reading(6.0, MIB), Reading(12.0, MIB)]) is None


def test_memory_of_a_server_elsewhere_is_null() -> None:
    found = measure(Address("127.0.0.1", 1), ["text"], 1.0)
    assert found and set(found.values()) == {None}


def test_resident_memory_of_this_process_is_some_and_of_none_is_unknown() -> None:
    own = resident_bytes(os.getpid())
    assert own is not None and own > MIB
    assert resident_bytes(2**30) is None
