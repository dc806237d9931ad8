"""What a client still has to send, over any pattern of finals and lost connections."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.clients.fake_server import counting
from voxduct.audio import AudioFormat
from voxduct_client.backoff import Backoff
from voxduct_client.outgoing import Outgoing, SendAudio, SendMarker, SendStop

RATE = 8_000
FORMAT = AudioFormat(RATE)


def drain(outgoing: Outgoing) -> list[object]:
    steps: list[object] = []
    while (step := outgoing.next_step()) is not None:
        steps.append(step)
    return steps


def audio(steps: list[object]) -> bytes:
    return b"".join(step.data for step in steps if isinstance(step, SendAudio))


@given(st.data())
def test_outgoing_every_session_hears_on_from_what_was_final(data: st.DataObject) -> None:
    outgoing = Outgoing(FORMAT, replay_s=10.0)
    accepted, final_until, session_start, heard = 0, 0, 0, b""
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["accept", "send", "final", "reconnect"])):
            case "accept":
                count = data.draw(st.integers(1, 2000))
                assert outgoing.add_audio(counting(count, accepted + 1)) == b""
                accepted += count
            case "send":
                heard += audio(drain(outgoing))
                assert session_start + len(heard) // 2 == accepted
            case "final" if heard:
                final_until = session_start + data.draw(st.integers(0, len(heard) // 2))
                outgoing.release(final_until / RATE)
            case _:
                at_s, _, gone_s = outgoing.restart()
                session_start, heard = round(at_s * RATE), b""
                assert gone_s == 0
                assert session_start <= accepted
    at_s, _, _ = outgoing.restart()
    rest = np.frombuffer(audio(drain(outgoing)), dtype="<i2")
    assert list(rest) == list(range(round(at_s * RATE) + 1, accepted + 1))


def test_outgoing_what_waits_is_never_dropped_and_what_was_sent_is_bounded() -> None:
    outgoing = Outgoing(FORMAT, replay_s=0.1)
    assert outgoing.add_audio(counting(1000)) == counting(200, 801)
    drain(outgoing)
    assert outgoing.add_audio(counting(500, 801)) == b""
    drain(outgoing)
    at_s, replayed_s, gone_s = outgoing.restart()
    assert (at_s, replayed_s, gone_s) == (500 / RATE, 800 / RATE, 500 / RATE)
    assert audio(drain(outgoing)) == counting(800, 501)


def test_outgoing_markers_and_stop_keep_their_place() -> None:
    outgoing = Outgoing(FORMAT, replay_s=10.0)
    outgoing.add_marker("first")
    outgoing.add_audio(counting(100))
    outgoing.add_marker("second")
    outgoing.add_audio(counting(100, 101))
    outgoing.stop()
    everything = [
        SendMarker("first"),
        SendAudio(counting(100)),
        SendMarker("second"),
        SendAudio(counting(100, 101)),
        SendStop(),
    ]
    assert drain(outgoing) == everything
    outgoing.remove_marker("first")
    outgoing.restart()
    assert drain(outgoing) == everything[1:]


def test_backoff_doubles_with_jitter_and_obeys_the_server() -> None:
    backoff = Backoff(0.5, 8.0, _random=random.Random(1))
    delays = [backoff.next_delay() for _ in range(8)]
    for delay, full in zip(delays, [0.5, 1, 2, 4, 8, 8, 8, 8], strict=True):
        assert full / 2 <= delay <= full
    assert backoff.next_delay(at_least=30.0) == 30.0
    backoff.reset()
    assert backoff.next_delay() <= 0.5
