"""Players in virtual time, and clients of a scripted server on loopback."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clients.fake_server import FakeServer, recognise
from voxduct.bench.live import Arrival, Spoken
from voxduct.bench.speaking.underruns import figures, listen, play

RATE = 16_000


def arrivals(*moments: tuple[int, int]) -> list[Arrival]:
    """(milliseconds at which it came, milliseconds of sound)."""
    return [Arrival(at / 1000, size * RATE // 1000) for at, size in moments]


@pytest.mark.parametrize(
    ("came", "starts_ms", "dry", "missing_ms"),
    [
        ([(50, 60), (90, 80), (140, 160), (300, 240)], 90, 0, 0),
        ([(50, 60), (90, 80), (230, 160)], 90, 0, 0),  # the very moment at which it would run dry
        ([(50, 60), (90, 80), (240, 160)], 90, 1, 10),
        ([(50, 140), (200, 100), (310, 100), (500, 100)], 50, 3, 10 + 10 + 90),
        ([(50, 140), (390, 20), (420, 100)], 50, 2, 200 + 10),  # it goes on at once, without a cushion
        ([(50, 60), (70, 20)], 70, 0, 0),  # shorter than the cushion
        ([], None, 0, 0),
    ],
)
def test_player_runs_dry_when_what_arrived_is_played(
    came: list[tuple[int, int]], starts_ms: int | None, dry: int, missing_ms: int
) -> None:
    played = play(arrivals(*came), RATE)
    assert played.starts_s == (None if starts_ms is None else pytest.approx(starts_ms / 1000))
    assert (played.dry, played.missing_s) == (dry, pytest.approx(missing_ms / 1000))


def spoken(*moments: tuple[int, int], reason: str = "completed") -> Spoken:
    came = arrivals(*moments)
    return Spoken(np.zeros(sum(one.samples for one in came), np.float32), RATE, tuple(came), 1.0, reason)


STEADY, LATE = spoken((50, 140), (100, 200)), spoken((50, 140), (240, 200))


def test_underruns_of_steady_speech_are_none() -> None:
    found = figures([STEADY, STEADY])
    assert (found["underruns"], found["underrun_ms"], found["gate_underruns"]) == (0, 0, True)
    assert found["player_start_p95_ms"] == 50


@pytest.mark.parametrize("other", [LATE, spoken((50, 140), reason="failed: it broke")])
def test_underruns_gate_is_missed_by_one_late_or_failed_client(other: Spoken) -> None:
    assert figures([STEADY, other])["gate_underruns"] is False


def test_underruns_are_summed_over_clients() -> None:
    found = figures([LATE, STEADY, LATE])
    assert (found["underrun_clients"], found["underruns"], found["underrun_ms"]) == (3, 2, 100)


async def test_listeners_each_get_their_own_text_and_note_every_message() -> None:
    async with FakeServer(recognise) as server:
        everything = await listen(server.url, ["one", "three"])
    assert [len(one.samples) for one in everything] == [3, 5]  # the fake says a sample per letter
    assert [[arrival.samples for arrival in one.arrivals] for one in everything] == [[3], [5]]
    assert all(one.first_audio_s == one.arrivals[0].at_s for one in everything)
