"""Many talkers and few threads, in virtual time: lag stays bounded, and nothing that must be said is left out."""

from __future__ import annotations

from functools import cache

import pytest

from tests.session.virtual_server import WORD, Costs, Talker, VirtualServer
from voxduct.events import SpeechStopped
from voxduct.models import JobKind

TALKERS = 2
HOUR_S, MINUTE_S = 3600.0, 60.0


@cache
def an_hour_at_80_percent() -> VirtualServer:
    server = VirtualServer(TALKERS, 1, Costs(update=0.17, final=0.17))
    server.run(HOUR_S)
    return server


@cache
def ten_minutes(update: float) -> VirtualServer:
    """On 0.04 s an update the thread is idle most of the time; on 0.45 s updates would fill two of it."""
    server = VirtualServer(TALKERS, 1, Costs(update=update, final=update))
    server.run(10 * MINUTE_S)
    return server


EASY_S, OVERLOAD_S = 0.04, 0.45


def worst(lags: list[tuple[float, float]], since: float, until: float) -> float:
    return max(lag for now, lag in lags if since <= now < until)


def assert_every_final_once_and_whole(talker: Talker) -> None:
    ended = [event for _, event in talker.said if isinstance(event, SpeechStopped)]
    finals = [event for _, event in talker.finals()]
    assert ended
    assert [event.utterance for event in finals] == [event.utterance for event in ended]
    committed = talker.committed()
    for final, stop in zip(finals, ended, strict=True):
        words = [int(word.text) for word in final.words]
        first, last = -(-final.start // WORD), stop.end // WORD
        assert words == list(range(first, first + len(words)))
        assert len(words) >= last - first  # an update may have heard on into the silence
        assert committed[final.utterance] == words


@pytest.mark.slow
def test_load_of_80_percent_for_an_hour_keeps_lag_flat() -> None:
    server = an_hour_at_80_percent()
    assert 0.75 < server.computed_s / HOUR_S < 0.88
    for talker in server.talkers:
        for lags in (talker.final_lags(), talker.heard_lags()):
            early = worst(lags, 0.0, 10 * MINUTE_S)
            late = worst(lags, HOUR_S - 10 * MINUTE_S, HOUR_S + MINUTE_S)
            assert late <= early + 0.01
            assert late < 1.5


@pytest.mark.slow
def test_load_of_80_percent_for_an_hour_says_every_final_once_and_whole() -> None:
    for talker in an_hour_at_80_percent().talkers:
        assert_every_final_once_and_whole(talker)


def test_load_of_200_percent_coalesces_updates_and_stays_bounded() -> None:
    easy, overloaded = ten_minutes(EASY_S), ten_minutes(OVERLOAD_S)
    demand = easy.ran[JobKind.UPDATE] * OVERLOAD_S / (10 * MINUTE_S)
    assert 1.7 < demand < 2.3
    assert overloaded.ran[JobKind.UPDATE] < 0.6 * easy.ran[JobKind.UPDATE]
    for talker in overloaded.talkers:
        for lags in (talker.final_lags(), talker.heard_lags()):
            assert worst(lags, 8 * MINUTE_S, 11 * MINUTE_S) <= worst(lags, 0.0, 3 * MINUTE_S) + 0.01
            assert worst(lags, 0.0, 11 * MINUTE_S) < (TALKERS + 2) * OVERLOAD_S


def test_load_of_200_percent_says_every_final_once_and_whole() -> None:
    for talker in ten_minutes(OVERLOAD_S).talkers:
        assert_every_final_once_and_whole(talker)


def test_load_of_200_percent_lengthens_the_interval_and_leaves_room() -> None:
    server = ten_minutes(OVERLOAD_S)
    settled = server.stretches[60:600]
    assert min(settled) > 1.0
    assert max(ten_minutes(EASY_S).stretches) == 1.0
    assert server.computed_s / (10 * MINUTE_S) < 0.97


def test_load_that_passes_lets_updates_come_as_often_as_before() -> None:
    server = VirtualServer(1, 1, Costs(update=0.05, final=0.05))
    server.pace.stretch = 10.0
    server.run(60.0)
    assert server.pace.relaxed
