"""The client with packets of codes: on a real server with a codec of the tests', and with none installed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.clients.fake_server import FakeServer
from tests.clients.test_cli import run
from tests.fakes_coded import DELAY, ROUGH, RoughCodec, engine, once_through
from tests.fakes_hearing import say
from tests.server.fakes import running_server
from voxduct import wire
from voxduct.codec.stretches import WireCodec
from voxduct.dsp import Resampler
from voxduct.errors import ExtraError, MessageError
from voxduct.loading import OWN_CODEC, EngineOptions, load_engine
from voxduct.server.engine_backend import EngineBackend
from voxduct_client import Client, ClientOptions, ReconnectingClient, SessionRefused, SpeechChunk, packets
from voxduct_client.continuity import worth_retrying

SILENCE = np.zeros(16_000, np.float32)
TALK = np.concatenate([SILENCE, say("alpha", "bravo", gap=1_600), SILENCE])


@pytest.fixture(autouse=True)
def codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client loads instead of the embedded codec."""
    found = engine().codecs
    monkeypatch.setattr(packets, "load_codec", lambda name: found[name])


async def captions(client: Client | ReconnectingClient, *audio: np.ndarray | str) -> list[wire.ServerMessage]:
    """Sends audio, and markers by name; the finals, echoes and the end."""
    for one in audio:
        if isinstance(one, str):
            await client.marker(one)
        else:
            for piece in np.array_split(one, 7):
                await client.send_audio(piece)
    await client.send_stop()
    kinds = wire.FinalMessage | wire.MarkerEcho | wire.Stopped | wire.ErrorMessage
    return [message async for message in client if isinstance(message, kinds)]


async def test_client_sends_packets_and_hears_what_it_would_of_pcm() -> None:
    coded = ClientOptions(audio_codec=ROUGH)
    cut = 16_000 + 6_400 + 777
    async with running_server(EngineBackend(engine())) as server:
        async with Client(server.url, options=coded) as client:
            one = await captions(client, TALK[:cut], "here", TALK[cut:])
        async with Client(server.url) as client:
            other = await captions(client, once_through(TALK[:cut]), "here", once_through(TALK[cut:]))
        async with ReconnectingClient(server.url, options=coded) as lasting:
            third = await captions(lasting, TALK[:cut], "here", TALK[cut:])
    for said in (one, other, third):
        assert [(message.text, message.start) for message in said if isinstance(message, wire.FinalMessage)] == [
            (message.text, message.start) for message in one if isinstance(message, wire.FinalMessage)
        ]
        assert [message.time for message in said if isinstance(message, wire.MarkerEcho)] == [round(cut / 16_000, 4)]
        assert isinstance(said[-1], wire.Stopped) and said[-1].time == len(TALK) / 16_000


async def test_client_resamples_for_the_codec() -> None:
    resampler = Resampler(16_000, 48_000)
    audio = np.concatenate([resampler.feed(TALK), resampler.flush()])
    options = ClientOptions(audio_codec=ROUGH, sample_rate=48_000)
    async with running_server(EngineBackend(engine())) as server, Client(server.url, options=options) as client:
        *_, final, stopped = await captions(client, audio)
    assert isinstance(final, wire.FinalMessage) and final.text == "alpha bravo"
    assert isinstance(stopped, wire.Stopped) and stopped.time == len(TALK) / 16_000


async def speech(client: Client) -> tuple[np.ndarray, list[int], int]:
    """Samples, where each chunk starts, and the number of samples that the server counted."""
    await client.say("Hello world. The dog!", id="a")
    await client.send_stop()
    chunks, counted = [], 0
    async for message in client:
        if isinstance(message, SpeechChunk):
            chunks.append(message)
        elif isinstance(message, wire.SpeechAudioEndMessage):
            counted = message.samples
    return np.concatenate([chunk.samples for chunk in chunks]), [chunk.start for chunk in chunks], counted


async def test_client_hears_packets_as_the_same_samples_as_pcm() -> None:
    async with running_server(EngineBackend(engine())) as server:
        async with Client(server.url) as client:
            pcm, starts, counted = await speech(client)
        async with Client(server.url, options=ClientOptions(speech_codec="own")) as client:
            decoded, coded_starts, coded_counted = await speech(client)
    assert (coded_starts, coded_counted) == (starts, counted) and counted == len(pcm)
    assert np.abs(decoded - pcm).max() < 1e-4


async def test_client_with_another_version_of_the_codec_is_told_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newer = WireCodec.of(RoughCodec(DELAY), ROUGH, "2", DELAY)
    monkeypatch.setattr(packets, "load_codec", lambda name: newer)
    async with running_server(EngineBackend(engine())) as server:
        with pytest.raises(SessionRefused, match="this client has rough 2, the server 1") as caught:
            async with Client(server.url, options=ClientOptions(audio_codec=ROUGH)):
                pass
    assert caught.value.code == "codec_version" and not worth_retrying(caught.value)


async def test_client_of_a_server_without_the_codec_is_refused() -> None:
    without = replace(engine(), codecs={})
    async with running_server(EngineBackend(without)) as server:
        with pytest.raises(SessionRefused, match=r"'rough' is not one of s16le, f32le$"):
            async with Client(server.url, options=ClientOptions(audio_codec=ROUGH)):
                pass


async def test_client_without_the_engine_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "voxduct_client.packets", None)
    async with FakeServer() as server:
        with pytest.raises(ExtraError, match="pip install voxduct"):
            async with Client(server.url, options=ClientOptions(audio_codec=ROUGH)):
                pass
        async with Client(server.url):
            assert len(server.talks) == 1, "and without a codec nothing is missing"


def test_client_without_a_codec_loads_neither_the_engine_nor_a_runtime() -> None:
    code = (
        "import sys, voxduct_client.cli;"
        "heavy = [name for name in sys.modules if name.startswith(('onnxruntime', 'voxduct.onnx', 'voxduct.loading',"
        " 'voxduct.tts', 'voxduct.codec', 'voxduct_client.packets'))]; sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_cli_with_an_unknown_codec_is_wrong_use(tmp_path: Path) -> None:
    async with FakeServer() as server:
        path = tmp_path / "out.wav"
        result = await run("say", "hello", "-o", str(path), "--wire-codec", "mp3", "--url", server.url)
        assert result.code == 2
        assert "no codec 'mp3'; there are voxduct-codec-16k, lyra-3.2, lyra-6, lyra-9.2" in result.err
        assert not server.talks


@pytest.mark.model
async def test_cli_with_the_embedded_codec_speaks_and_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    embedded = await asyncio.to_thread(load_engine, EngineOptions(wire_codecs=(OWN_CODEC,)))
    text = "Good evening, and welcome. We begin in a minute."
    async with running_server(EngineBackend(embedded), workers=2) as server:
        codec = ("--wire-codec", OWN_CODEC, "--url", server.url)
        said = await run("say", text, "-o", str(path), *codec)
        plain = await run("say", text, "-o", str(tmp_path / "pcm.wav"), "--url", server.url)
        heard = await run("file", str(path), "--fast", *codec)
    assert (said.code, plain.code, heard.code) == (0, 0, 0), (said.err, plain.err, heard.err)
    decoded, pcm = soundfile.read(path)[0], soundfile.read(tmp_path / "pcm.wav")[0]
    assert decoded.shape == pcm.shape and np.abs(decoded - pcm).max() < 1e-4
    assert len(heard.out.split()) >= 3


def test_codec_by_an_unknown_name_is_a_client_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(MessageError, match="no codec 'mp3'"):
        packets.load_codec("mp3")
