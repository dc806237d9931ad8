"""Voices by HTTP: they are made, listed, spoken with and deleted; and everything that can be wrong with that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fakes_speaking import FakeLm
from tests.fakes_voices import buzz, hush, wav
from tests.server.fakes import FakeBackend, connect, eventually, running_server, sample
from tests.server.voice_api import CLIP, CONSENT, GatedVad, backend, code_of, serving
from voxduct import wire


async def spoken(client: Any, **say: Any) -> int:
    """Samples of a request that was spoken to its end."""
    await client.send(type="say", **say)
    ended = await client.expect(wire.SpeechAudioEndMessage)
    assert ended.reason == "completed"
    return int(ended.samples)


async def test_voices_one_is_made_listed_spoken_with_and_deleted(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        assert (await client.start()).voices == ["ada", "ben"]
        made = await api.make(by="Anna", transcript="One two three.")
        assert (made.status_code, made.headers["location"]) == (201, "/v1/voices/anna")
        details = made.json()
        assert details["consent"].pop("given").endswith("Z") and details.pop("created")
        assert details == {
            "name": "anna",
            "own": True,
            "speech_s": pytest.approx(3.0, abs=0.1),
            "consent": {"text": CONSENT, "by": "Anna"},
            "transcript": "One two three.",
        }
        listed = (await api.http.get("/v1/voices")).json()
        assert listed["default"] == "ada"
        assert [(voice["name"], voice["own"]) for voice in listed["voices"]] == [
            ("ada", False), ("ben", False), ("anna", True)
        ]  # fmt: skip
        assert (await api.http.get("/v1/voices/anna")).json()["consent"]["text"] == CONSENT
        assert (await api.http.get("/v1/voices/ada")).json() == {"name": "ada", "own": False}
        assert (await api.http.get("/readyz")).json()["voices"] == ["ada", "ben", "anna"]
        assert await spoken(client, text="Hello world.", voice="anna") > 1600  # in a session from before
        async with connect(api.server) as other:
            assert (await other.start(voice="anna")).voices == ["ada", "ben", "anna"]
            await other.send(type="say", text="Hello.")
            assert (await other.expect(wire.SpeechAudioStartMessage)).voice == "anna"
        assert (await api.http.delete("/v1/voices/anna")).status_code == 204
        assert await api.names() == ["ada", "ben"]
        await client.send(type="say", text="Hello.", voice="anna")
        assert (await client.expect_error()).code == "unknown_voice"
        assert sample(api.server, "voices_made_total") == 1
        assert os.listdir(tmp_path) == []


async def test_voices_survive_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert (await api.make()).status_code == 201
    async with serving(tmp_path) as api, connect(api.server) as client:
        assert (await client.start()).voices == ["ada", "ben", "anna"]
        assert (await api.http.get("/v1/voices/anna")).json()["consent"]["by"] == "client 127.0.0.1"
        await spoken(client, text="Hello.", voice="anna")
        assert (await api.http.delete("/v1/voices/anna")).status_code == 204
    async with serving(tmp_path) as api:
        assert await api.names() == ["ada", "ben"]


async def test_voices_own_one_costs_no_run_of_its_prompt_when_it_speaks(tmp_path: Path) -> None:
    lm = FakeLm()
    async with serving(tmp_path, backend(tmp_path, lm)) as api, connect(api.server) as client:
        await client.start()
        before = len(lm.fed)
        await api.make()
        assert [len(codes) for codes, _, _ in lm.fed[before:]] == [100]
        before = len(lm.fed)
        await spoken(client, text="Hello.", voice="anna", id="a")
        await spoken(client, text="Hello.", voice="anna", id="b")
        assert {len(codes) for codes, _, _ in lm.fed[before:]} == {1}


async def test_voices_one_that_is_deleted_while_it_speaks_finishes(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        await client.start()
        await api.make()
        await client.send(type="say", text="Hello world. " * 40, voice="anna", id="long")
        await client.expect(wire.SpeechAudioStartMessage)
        assert (await api.http.delete("/v1/voices/anna")).status_code == 204
        ended = await client.expect(wire.SpeechAudioEndMessage)
        assert (ended.reason, ended.id) == ("completed", "long")
        assert sum(map(len, client.binary)) == 2 * ended.samples


async def test_voices_own_one_speaks_with_the_times_of_its_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        await api.make()
        await client.start(voice="anna", speech_words=True)
        await client.send(type="say", text="Hello world.")
        words = [word for message in [await client.expect(wire.SpeechWordsMessage)] for word in message.words]
        while not isinstance(message := await client.receive(), wire.SpeechAudioEndMessage):
            assert isinstance(message, wire.SpeechWordsMessage)
            words += message.words
        assert [word.word for word in words] == ["hello", "world"]
        assert words[0].end == words[1].start and words[1].end <= message.samples


async def test_voices_deleted_default_of_a_session_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.make()
        async with connect(api.server) as client:
            await client.start(voice="anna")
            await api.http.delete("/v1/voices/anna")
            await client.send(type="say", text="Hello.")
            assert (await client.expect_error()).code == "unknown_voice"
            await spoken(client, text="Hello.", voice="ben")


async def test_voices_mixture_is_spoken_wherever_a_voice_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        assert (await client.start(voice="ada+ben")).voices == ["ada", "ben"]
        await client.send(type="say", text="Hello.")
        assert (await client.expect(wire.SpeechAudioStartMessage)).voice == "ada+ben"
        await client.expect(wire.SpeechAudioEndMessage)
        await client.send(type="say", text="Hello.", voice="ada:0.7+ben:0.3")
        assert (await client.expect(wire.SpeechAudioStartMessage)).voice == "ada:0.7+ben:0.3"
        await client.expect(wire.SpeechAudioEndMessage)
        assert await api.names() == ["ada", "ben"]
        assert code_of(await api.http.get("/v1/voices/ada+ben")) == (404, "unknown_voice")


async def test_voices_mixture_that_cannot_be_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        await client.send(type="start", voice="ada+nobody")
        assert (await client.expect_error()).code == "unknown_voice"
        await client.start()
        for voice, why in (("ada+bob", "has ada, ben"), ("ada:0+ben", "no positive"), ("ada+" * 9, "2 to 4")):
            await client.send(type="say", text="Hello.", voice=voice)
            error = await client.expect_error()
            assert (error.code, error.param) == ("unknown_voice", "voice")
            assert why in error.message
        assert await spoken(client, text="Hello.", voice="ada+ben") > 0


async def test_voices_mixture_goes_with_the_voice_that_is_deleted_but_is_spoken_to_its_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        await client.start()
        await api.make()
        await client.send(type="say", text="Hello world. " * 40, voice="ada+anna", id="long")
        await client.expect(wire.SpeechAudioStartMessage)
        assert (await api.http.delete("/v1/voices/anna")).status_code == 204
        await client.send(type="say", text="Hello.", voice="ada+anna", id="late")
        assert "no voice 'anna'" in (await client.expect_error()).message
        ended = await client.expect(wire.SpeechAudioEndMessage)
        assert (ended.reason, ended.id) == ("completed", "long")


WRONG: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"name": "Anna Smith"}, (400, "bad_voice_name")),
    ({"name": "../etc"}, (400, "bad_voice_name")),
    ({"name": ""}, (400, "bad_message")),
    ({"consent": "  "}, (400, "bad_message")),
    ({"pitch": "high"}, (400, "bad_message")),
    ({"transcript": "x" * 4_001}, (400, "bad_message")),
    ({"name": "ada"}, (409, "shipped_voice")),
    ({"name": "taken"}, (409, "voice_exists")),
    ({"audio": b""}, (400, "bad_message")),
    ({"audio": b"no sound"}, (400, "clip_unreadable")),
    ({"audio": wav(hush(3))}, (400, "clip_silent")),
    ({"audio": wav(buzz(0.5))}, (400, "clip_too_short")),
    ({"audio": wav(buzz(61), format="FLAC")}, (400, "clip_too_long")),
    ({"audio": wav(np.sign(buzz(3)))}, (400, "clip_clipped")),
    ({"audio": wav(np.eye(1, 40_000, dtype=np.float32)[0])}, (400, "clip_no_speech")),
]


async def test_voices_wrong_request_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert (await api.make("taken")).status_code == 201
        for fields, expected in WRONG:
            assert code_of(await api.make(**fields)) == expected, fields.keys()
            assert sample(api.server, "errors_total", code=expected[1]) >= 1
        assert await api.names() == ["ada", "ben", "taken"]
        assert os.listdir(tmp_path) == ["taken.npz"]
        assert (await api.make("next")).status_code == 201


async def test_voices_request_that_is_no_form_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert code_of(await api.http.post("/v1/voices", content=CLIP)) == (400, "bad_message")
        assert code_of(await api.http.post("/v1/voices", data={"name": "a", "consent": "yes"})) == (400, "bad_message")
        files: Any = {"name": (None, "a"), "consent": (None, b"\xff\xfe"), "audio": ("a.wav", CLIP)}
        assert code_of(await api.http.post("/v1/voices", files=files)) == (400, "bad_message")
        missing = {"name": (None, "a"), "consent": (None, "yes")}
        assert code_of(await api.http.post("/v1/voices", files=missing)) == (400, "bad_message")
        assert (await api.http.put("/v1/voices/anna")).status_code == 405


async def test_voices_too_big_a_clip_is_refused_declared_or_not(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 1024

    async with serving(tmp_path, max_clip_bytes=16_384) as api:
        assert code_of(await api.http.post("/v1/voices", content=b"x" * 20_000)) == (413, "body_too_big")
    async with serving(tmp_path, max_clip_bytes=16_384) as api:
        assert code_of(await api.http.post("/v1/voices", content=endless())) == (413, "body_too_big")


async def test_voices_none_of_that_name_is_404_and_shipped_ones_stay(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert code_of(await api.http.get("/v1/voices/nobody")) == (404, "unknown_voice")
        assert code_of(await api.http.delete("/v1/voices/nobody")) == (404, "unknown_voice")
        assert code_of(await api.http.delete("/v1/voices/ada")) == (409, "shipped_voice")
        assert code_of(await api.http.delete("/v1/voices/Nobody!")) == (400, "bad_voice_name")
        assert await api.names() == ["ada", "ben"]


async def test_voices_need_the_token_and_no_foreign_page_reaches_them(tmp_path: Path) -> None:
    async with serving(tmp_path, token="abc") as api:
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/ada"), ("DELETE", "/ada")):
            answer = await api.http.request(method, f"/v1/voices{path}")
            assert code_of(answer) == (401, "no_token")
            assert answer.headers["www-authenticate"] == "Bearer"
        api.http.headers["authorization"] = "Bearer abc"
        assert (await api.make()).status_code == 201
    async with serving(tmp_path) as api:
        api.http.headers["origin"] = "https://evil.example.org"
        assert code_of(await api.make("bea")) == (403, "bad_origin")
        assert code_of(await api.http.delete("/v1/voices/anna")) == (403, "bad_origin")


async def test_voices_same_name_twice_at_once_is_made_once(tmp_path: Path) -> None:
    vad = GatedVad()
    async with serving(tmp_path, backend(tmp_path, vad=vad)) as api:
        first = asyncio.create_task(api.make())
        await eventually(vad.asked.is_set)
        assert code_of(await api.make()) == (409, "voice_exists")
        assert code_of(await api.http.delete("/v1/voices/anna")) == (409, "voice_exists")
        vad.go_on.set()
        assert (await first).status_code == 201
        assert await api.names() == ["ada", "ben", "anna"]


async def test_voices_too_many_at_once_are_told_to_come_later(tmp_path: Path) -> None:
    vad = GatedVad()
    async with serving(tmp_path, backend(tmp_path, vad=vad), max_enrolments=1) as api:
        first = asyncio.create_task(api.make())
        await eventually(vad.asked.is_set)
        busy = await api.make("bea")
        assert code_of(busy) == (503, "overloaded")
        assert int(busy.headers["retry-after"]) > 0
        vad.go_on.set()
        assert (await first).status_code == 201
        assert (await api.make("bea")).status_code == 201


async def test_voices_sessions_speak_on_while_one_is_made(tmp_path: Path) -> None:
    vad = GatedVad()
    async with serving(tmp_path, backend(tmp_path, vad=vad)) as api, connect(api.server) as client:
        await client.start()
        making = asyncio.create_task(api.make())
        await eventually(vad.asked.is_set)
        await spoken(client, text="Hello world.")
        vad.go_on.set()
        assert (await making).status_code == 201


async def test_voices_model_that_fails_is_500_and_the_name_is_free_again(tmp_path: Path) -> None:
    lm = FakeLm()
    made = backend(tmp_path, lm)
    async with serving(tmp_path, made) as api:
        lm.fail_at = 0
        assert code_of(await api.make()) == (500, "inference_failed")
        lm.fail_at = None
        assert (await api.make()).status_code == 201


async def test_voices_folder_that_cannot_be_written_is_500(tmp_path: Path) -> None:
    (tmp_path / "voices").write_text("in the way")
    async with serving(tmp_path / "voices") as api:
        assert code_of(await api.make()) == (500, "voice_store_failed")
        assert await api.names() == ["ada", "ben"]


async def test_voices_of_a_server_that_cannot_speak_are_501() -> None:
    async with running_server(FakeBackend()) as server, httpx.AsyncClient(base_url=server.url) as http:
        assert code_of(await http.get("/v1/voices")) == (501, "no_voice")


async def test_voices_are_not_made_by_a_server_that_goes_away(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, connect(api.server) as client:
        await client.start()
        await client.send(type="say", text="Hello world. " * 200)
        await client.expect(wire.SpeechAudioStartMessage)
        stopping = asyncio.create_task(api.server.stop(5.0))
        await client.expect(wire.Draining)
        assert code_of(await api.make()) == (503, "draining")
        await client.socket.close()
        await stopping


async def test_voices_clip_that_never_arrives_is_408(tmp_path: Path) -> None:
    async with serving(tmp_path, upload_s=0.05) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
        writer.write(b"POST /v1/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n--xyz")
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        assert await api.names() == ["ada", "ben"]


async def test_voices_client_that_leaves_within_its_clip_harms_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path, max_enrolments=1) as api:
        _, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
        writer.write(b"POST /v1/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n--xyz")
        await writer.drain()
        writer.close()
        await eventually(lambda: sample(api.server, "errors_total", code="bad_message") == 1)
        assert (await api.make()).status_code == 201
