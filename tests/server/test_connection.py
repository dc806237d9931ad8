"""One client's conversation over a real socket."""

from __future__ import annotations

from tests.server.fakes import FRAME, LOUD, QUIET, connect, running_server
from voxduct import wire


async def test_connection_utterance_is_transcribed() -> None:
    async with running_server() as server, connect(server) as client:
        ready = await client.start()
        assert ready.voices == ["ann", "bob"]
        final = await client.utter()
        assert (final.utterance, final.start, final.end) == (0, 0.0, 0.3)


async def test_connection_stop_says_stopped_and_closes_1000() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD, LOUD)
        await client.send(type="stop")
        assert (await client.expect(wire.FinalMessage)).text == "w0 w1"
        assert (await client.expect(wire.Stopped)).time == 0.2
        assert await client.close_code() == 1000


async def test_connection_marker_is_echoed_after_the_final() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start()
        await client.send_audio(LOUD)
        await client.send(type="marker", id="here")
        await client.expect(wire.FinalMessage)
        assert (await client.expect(wire.MarkerEcho)).id == "here"


async def test_connection_say_streams_speech() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start()
        await client.send(type="say", id="a", text="abc", voice="bob")
        started = await client.expect(wire.SpeechAudioStartMessage)
        assert (started.id, started.voice, started.sample_rate) == ("a", "bob", 24_000)
        ended = await client.expect(wire.SpeechAudioEndMessage)
        assert (ended.reason, ended.samples) == ("completed", 3 * FRAME)
        assert b"".join(client.binary) == b"\xff\x1f" * (3 * FRAME) or len(b"".join(client.binary)) == 6 * FRAME


async def test_connection_quiet_audio_says_nothing() -> None:
    async with running_server() as server, connect(server) as client:
        await client.start()
        await client.send_audio(QUIET, QUIET)
        await client.send(type="stop")
        assert isinstance(await client.receive(), wire.Stopped)
