"""Voices by the Python client and by `voxduct-client voices`, against a real server without weights."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.clients.test_cli import run
from tests.fakes_voices import hush, wav
from tests.server.fakes import FakeBackend, eventually, running_server
from tests.server.voice_api import CLIP, CONSENT, GatedVad, backend, serving
from voxduct.errors import ServerError
from voxduct_client import Client, ConnectionRefused, FileError, SpeechChunk, VoiceInfo, VoiceRefused, Voices
from voxduct_client.voices import voices_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("127.0.0.1:8765", "http://127.0.0.1:8765/v1/voices"),
        ("ws://h:1/v1/stream", "http://h:1/v1/voices"),
        ("wss://h/a/v1/stream?x=1", "https://h/a/v1/voices"),
        ("https://h", "https://h/v1/voices"),
        ("ws://h/elsewhere", "http://h/v1/voices"),
    ],
)
def test_voices_url_is_beside_the_stream(url: str, expected: str) -> None:
    assert voices_url(url) == expected


async def test_voices_are_made_listed_spoken_with_and_deleted(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    await asyncio.to_thread(clip.write_bytes, CLIP)
    async with serving(tmp_path / "voices", token="abc") as api:
        voices = Voices(api.server.url, token="abc")
        made = await voices.add("anna", clip, consent=CONSENT, by="Änne", transcript="eins “zwei”\r\ndrei")
        assert made == await voices.show("anna")
        assert (made.consent, made.by, made.transcript, made.own) == (CONSENT, "Änne", "eins “zwei”\r\ndrei", True)
        await voices.add("bea", CLIP, consent=CONSENT)
        listed = await voices.list()
        assert [voice.name for voice in listed] == ["ada", "ben", "anna", "bea"]
        assert listed[0] == VoiceInfo(name="ada", own=False)
        async with Client(api.server.url, token="abc", voice="anna") as client:
            await client.say("Hello.")
            await client.stop()
            assert sum(len(chunk.samples) for chunk in [m async for m in client] if isinstance(chunk, SpeechChunk)) > 0
        await voices.remove("anna")
        with pytest.raises(VoiceRefused) as gone:
            await voices.show("anna")
        assert gone.value.code == "unknown_voice"


async def test_voices_what_the_server_refuses_is_told_with_its_code(tmp_path: Path) -> None:
    async with serving(tmp_path, token="abc") as api:
        voices = Voices(api.server.url, token="abc")
        with pytest.raises(VoiceRefused) as shipped:
            await voices.remove("ada")
        assert (shipped.value.code, shipped.value.param) == ("shipped_voice", "name")
        with pytest.raises(VoiceRefused) as silent:
            await voices.add("anna", wav(hush(3)), consent=CONSENT)
        assert silent.value.code == "clip_silent"
        with pytest.raises(VoiceRefused) as odd:
            await voices.show("b?c#d")
        assert odd.value.code == "unknown_voice"
        with pytest.raises(FileError):
            await voices.add("anna", tmp_path / "none.wav", consent=CONSENT)
        with pytest.raises(ConnectionRefused, match="token"):
            await Voices(api.server.url, token="wrong").list()


async def test_voices_of_a_server_that_is_busy_may_be_asked_for_again(tmp_path: Path) -> None:
    vad = GatedVad()
    async with serving(tmp_path, backend(tmp_path, vad=vad), max_enrolments=1) as api:
        voices = Voices(api.server.url)
        first = asyncio.create_task(voices.add("anna", CLIP, consent=CONSENT))
        await eventually(vad.asked.is_set)
        with pytest.raises(ConnectionRefused) as busy:
            await voices.add("bea", CLIP, consent=CONSENT)
        assert busy.value.retry and (busy.value.retry_after or 0) > 0
        vad.go_on.set()
        assert (await first).name == "anna"


async def test_voices_without_a_server_or_of_one_that_cannot_speak() -> None:
    async with running_server(FakeBackend()) as server:
        url = server.url
        with pytest.raises(ServerError) as none:
            await Voices(url).list()
        assert none.value.code == "no_voice"
    with pytest.raises(ConnectionRefused, match="voxduct serve"):
        await Voices(url).list()


async def test_cli_voices_add_list_show_remove(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    await asyncio.to_thread(clip.write_bytes, CLIP)
    async with serving(tmp_path / "voices") as api:
        to = ("--url", api.server.url)
        added = await run("voices", "add", "anna", str(clip), "--consent", CONSENT, "--by", "Anna", *to)
        assert (added.code, added.out) == (0, "")
        assert "anna" in added.err
        listed = await run("voices", "list", *to)
        assert [line.split("\t")[0] for line in listed.out.splitlines()] == ["ada", "ben", "anna"]
        shown = json.loads((await run("voices", "show", "anna", *to)).out)
        assert (shown["by"], shown["consent"]) == ("Anna", CONSENT)
        again = await run("voices", "add", "anna", str(clip), "--consent", CONSENT, *to)
        assert (again.code, again.err.count("\n"), "delete it first" in again.err) == (2, 1, True)
        assert (await run("voices", "remove", "anna", *to)).code == 0
        assert (await run("voices", "remove", "anna", *to)).code == 2
        assert (await run("voices", "add", "anna", str(clip), *to)).code == 2  # no consent
