"""Everything a client can get wrong: a typed error, a live session after it, and neighbours that notice nothing."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass

import numpy as np
import pytest
import websockets

from tests.server.fakes import LOUD, connect, running_server
from voxduct import wire


@dataclass(frozen=True)
class Bad:
    """What is sent, and what is answered."""

    name: str
    data: str | bytes
    code: str
    param: str | None = None


def message(**fields: object) -> str:
    return json.dumps(fields)


BEFORE_START = [
    Bad("audio before start", LOUD, "bad_message", "type"),
    Bad("say before start", message(type="say", text="hello"), "bad_message", "type"),
    Bad("stop before start", message(type="stop"), "bad_message", "type"),
    Bad("rate too low", message(type="start", sample_rate=1000), "bad_audio", "sample_rate"),
    Bad("rate too high", message(type="start", sample_rate=200_000), "bad_audio", "sample_rate"),
    Bad("negative rate", message(type="start", sample_rate=-16_000), "bad_audio", "sample_rate"),
    Bad("unknown encoding", message(type="start", encoding="mp3"), "bad_audio", "encoding"),
    Bad("unknown version", message(type="start", version=99), "unsupported_version", "version"),
    Bad("unknown voice", message(type="start", voice="nobody"), "unknown_voice", "voice"),
    Bad("rate is text", message(type="start", sample_rate="fast"), "bad_message"),
]
IN_SESSION = [
    Bad("second start", message(type="start"), "bad_message", "type"),
    Bad("not JSON", "hello?", "bad_message"),
    Bad("cut JSON", '{"type": "say", "text": "he', "bad_message"),
    Bad("empty text message", "", "bad_message"),
    Bad("JSON, no object", "[1, 2, 3]", "bad_message"),
    Bad("no type", message(text="hello"), "bad_message"),
    Bad("unknown type", message(type="dance"), "bad_message"),
    Bad("unknown field", message(type="say", text="hello", pitch=3), "bad_message"),
    Bad("missing field", message(type="say"), "bad_message"),
    Bad("wrong field type", message(type="say", text=5), "bad_message"),
    Bad("a server's message", message(type="ready"), "bad_message"),
    Bad("deep nesting", "[" * 100_000, "bad_message"),
    Bad("lone surrogate", '{"type": "say", "text": "\\ud800"}', "bad_message"),
    Bad("negative seed", message(type="say", text="hello", seed=-1), "bad_message"),
    Bad("huge seed", message(type="say", text="hello", seed=10**30), "bad_message"),
    Bad("long id", message(type="marker", id="x" * 1000), "bad_message"),
    Bad("empty text", message(type="say", text="  "), "bad_text", "text"),
    Bad("100,000 characters", message(type="say", text="a" * 100_000), "text_too_long", "text"),
    Bad("unknown voice", message(type="say", text="hello", voice="nobody"), "unknown_voice", "voice"),
    Bad("odd byte count", LOUD + b"\x00", "bad_audio", "audio"),
    Bad("20 MB of audio", bytes(20_000_000), "message_too_big"),
    Bad("20 MB of text", message(type="say", text="a" * 20_000_000), "message_too_big"),
    Bad("just too big", bytes(256 * 1024 + 2), "message_too_big"),
]


def names(cases: list[Bad]) -> list[str]:
    return [case.name for case in cases]


@pytest.mark.parametrize("case", BEFORE_START, ids=names(BEFORE_START))
async def test_bad_input_before_start_is_answered_and_a_start_works_after_it(case: Bad) -> None:
    async with running_server() as server, connect(server) as client:
        await client.socket.send(case.data)
        error = await client.receive()
        assert isinstance(error, wire.ErrorMessage)
        assert (error.code, error.param, error.fatal) == (case.code, case.param, False)
        assert "\n" not in error.message
        await client.start()
        await client.utter()


@pytest.mark.parametrize("case", IN_SESSION, ids=names(IN_SESSION))
async def test_bad_input_in_session_is_answered_and_nobody_is_disturbed(case: Bad) -> None:
    async with running_server() as server, connect(server) as client, connect(server) as neighbour:
        await client.start()
        await neighbour.start()
        await neighbour.send_audio(LOUD)
        await client.socket.send(case.data)
        error = await client.receive()
        assert isinstance(error, wire.ErrorMessage)
        assert (error.code, error.param, error.fatal) == (case.code, case.param, False)
        assert len(error.message) < 500
        await client.utter()
        await neighbour.send(type="stop")
        assert (await neighbour.expect(wire.FinalMessage)).text == "w0"


async def test_bad_input_nan_floats_are_refused() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start(encoding="f32le")
        await client.socket.send(np.array([0.1, np.nan, 0.2], "<f4").tobytes())
        error = await client.receive()
        assert isinstance(error, wire.ErrorMessage)
        assert error.code == "bad_audio"
        await client.socket.send(np.full(1600, 0.5, "<f4").tobytes())
        await client.send(type="stop")
        assert (await client.expect(wire.FinalMessage)).text == "w0"


async def test_bad_input_after_stop_is_refused_and_the_rest_is_finished() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD)
        await client.send(type="stop")
        await client.send_audio(LOUD)
        error = None
        while not isinstance(received := await client.receive(), wire.Stopped):
            error = received if isinstance(received, wire.ErrorMessage) else error
        # the answer comes only when the second chunk was read before all was finished
        assert error is None or error.code == "bad_message"
        assert await client.close_code() == 1000


async def test_bad_input_of_every_kind_in_one_session_leaves_it_working() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start()
        for case in IN_SESSION:
            await client.socket.send(case.data)
        codes = [(await client.expect_error()).code for _ in IN_SESSION]
        assert codes == [case.code for case in IN_SESSION]
        await client.utter()
        assert server.metrics.registry.get_sample_value("voxduct_errors_total", {"code": "bad_audio"}) == 1


async def test_bad_input_messages_beyond_any_limit_close_1009() -> None:
    async with running_server() as server, connect(server) as client, connect(server) as neighbour:
        await client.start()
        await neighbour.start()
        with contextlib.suppress(websockets.ConnectionClosed):  # it may close while the rest is being sent
            await client.socket.send(bytes(33 * 1024 * 1024))
        assert await client.close_code() == 1009
        await neighbour.utter()


async def test_bad_input_too_many_markers_are_refused() -> None:
    async with running_server(max_markers=0) as server, connect(server) as client:
        await client.start()
        await client.send(type="marker", id="one")
        error = await client.expect_error()
        assert (error.code, error.id) == ("limit_exceeded", "one")
        await client.utter()
