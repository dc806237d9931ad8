"""`voxduct-client` as its users run it: a process of its own, against a scripted server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.clients.fake_server import UTTERANCE, FakeServer, Talk, eventually, recognise
from voxduct import wire

FAKE_MODULES = Path(__file__).with_name("fake_modules")
MICROPHONES = [
    {"name": "Loud speaker", "max_input_channels": 0, "default_samplerate": 44_100.0},
    {"name": "USB Desk Mic", "max_input_channels": 2, "default_samplerate": 44_100.0},
    {"name": "Studio Interface", "max_input_channels": 4, "default_samplerate": 96_000.0},
]


@dataclass
class Result:
    code: int
    out: str
    err: str


async def launch(*arguments: str, stdin: int = asyncio.subprocess.DEVNULL, **environment: str) -> Process:
    path = os.pathsep.join([str(FAKE_MODULES), *sys.path])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOXDUCT_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "voxduct_client",
        *arguments,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**inherited, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "FAKE_SOUND": "{}", **environment},
    )


async def finish(process: Process, input: bytes | None = None) -> Result:
    async with asyncio.timeout(30):
        out, err = await process.communicate(input)
    assert process.returncode is not None
    return Result(process.returncode, out.decode(), err.decode())


async def run(*arguments: str, **environment: str) -> Result:
    return await finish(await launch(*arguments, stdin=asyncio.subprocess.DEVNULL, **environment))


def recording(path: Path, samples: int, rate: int = 16_000, channels: int = 1) -> Path:
    pcm = np.arange(1, samples + 1, dtype=np.int16)
    soundfile.write(path, np.stack([pcm] * channels, axis=1), rate, subtype="PCM_16")
    return path


def sound(folder: Path, **settings: object) -> str:
    return json.dumps({"devices": MICROPHONES, "default": 1, "log": str(folder / "log"), "blocks": 5, **settings})


# --- file ---------------------------------------------------------------------------------------------------------


async def test_cli_file_prints_a_line_per_utterance(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.flac", 2 * UTTERANCE)
    async with FakeServer() as server:
        result = await run("file", str(path), "--fast", "--url", server.url)
        assert (result.code, result.err) == (0, "")
        assert result.out == "1-1600\n1601-3200\n"
        assert server.talks[0].heard == np.arange(1, 3201, dtype="<i2").tobytes()


async def test_cli_file_is_paced_like_a_microphone_and_keeps_its_rate(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.wav", 22_050, rate=44_100, channels=2)
    async with FakeServer() as server:
        process = await launch("file", str(path), "--url", server.url)
        await eventually(lambda: bool(server.talks and server.talks[0].samples))
        began = asyncio.get_running_loop().time()
        result = await finish(process)
        assert result.code == 0
        assert asyncio.get_running_loop().time() - began > 0.35
        start = server.talks[0].messages[0]
        assert isinstance(start, wire.Start)
        assert start.sample_rate == 44_100
        assert server.talks[0].samples == 22_050


async def test_cli_file_of_an_unusual_rate_is_resampled(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.wav", 9600, rate=96_000)
    async with FakeServer() as server:
        assert (await run("file", str(path), "--fast", "--url", server.url)).code == 0
        assert server.talks[0].samples == 1600


async def test_cli_file_revisions_are_asked_for_and_printed_as_json(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.wav", UTTERANCE)
    async with FakeServer() as server:
        result = await run("file", str(path), "--fast", "--json", "--revisions", "--url", server.url)
    said = [json.loads(line) for line in result.out.splitlines()]
    assert [(one["version"], one["text"]) for one in said if one["type"] == "revised"] == [(1, "about-1-1600")]


async def test_cli_file_json_prints_messages_and_nothing_else(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.wav", UTTERANCE)
    async with FakeServer() as server:
        result = await run("file", str(path), "--fast", "--json", "--url", server.url)
    types = [json.loads(line)["type"] for line in result.out.splitlines()]
    assert types == ["ready", "speech_started", "partial", "committed", "speech_stopped", "final", "stopped"]
    assert result.err == ""


async def test_cli_file_survives_a_lost_connection(tmp_path: Path) -> None:
    async def vanish(talk: Talk) -> None:
        await talk.open()
        await talk.receive()
        talk.socket.transport.abort()

    path = recording(tmp_path / "talk.wav", 2 * UTTERANCE)
    async with FakeServer(vanish, recognise) as server:
        result = await run("file", str(path), "--fast", "--json", "--url", server.url)
    messages = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 0
    assert [message["text"] for message in messages if message["type"] == "final"] == ["1-1600", "1601-3200"]
    assert {"disconnected", "reconnected"} <= {message["type"] for message in messages}


async def test_cli_file_interrupted_ends_with_a_final(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.wav", 32_000)
    async with FakeServer() as server:
        process = await launch("file", str(path), "--json", "--url", server.url)
        await eventually(lambda: bool(server.talks) and server.talks[0].samples > UTTERANCE)
        process.send_signal(signal.SIGINT)
        result = await finish(process)
    types = [json.loads(line)["type"] for line in result.out.splitlines()]
    assert result.code == 0
    assert types[-2:] == ["final", "stopped"]
    assert server.talks[0].samples < 32_000


# --- mic ----------------------------------------------------------------------------------------------------------


async def hear(server: FakeServer, folder: Path, *arguments: str, samples: int, **settings: object) -> Result:
    """Runs `mic` until the server has heard so much, then presses Ctrl-C."""
    process = await launch("mic", *arguments, "--url", server.url, FAKE_SOUND=sound(folder, **settings))
    await eventually(lambda: bool(server.talks) and server.talks[0].samples >= samples)
    process.send_signal(signal.SIGINT)
    return await finish(process)


async def test_cli_mic_sends_the_default_device_at_its_own_rate(tmp_path: Path) -> None:
    async with FakeServer() as server:
        result = await hear(server, tmp_path, samples=4410)
        assert (result.code, result.err) == (0, "")
        opened = json.loads((tmp_path / "log").read_text())
        assert opened == {"device": 1, "channels": 1, "samplerate": 44_100, "dtype": "int16"}
        heard = np.frombuffer(server.talks[0].heard, dtype="<i2")
        assert np.abs(heard - np.arange(4410)).max() <= 1
        assert result.out.splitlines()[-1].endswith("-4409")


async def test_cli_mic_mixes_down_and_resamples_what_no_server_takes(tmp_path: Path) -> None:
    async with FakeServer() as server:
        result = await hear(server, tmp_path, "--device", "studio", samples=640, accepted_channels=[4])
        assert result.code == 0
        opened = json.loads((tmp_path / "log").read_text())
        assert (opened["device"], opened["channels"], opened["samplerate"]) == (2, 4, 96_000)
        start = server.talks[0].messages[0]
        assert isinstance(start, wire.Start)
        assert start.sample_rate == 16_000
        assert server.talks[0].samples == 1600


async def test_cli_mic_overflow_is_counted_and_reported(tmp_path: Path) -> None:
    async with FakeServer() as server:
        result = await hear(server, tmp_path, "--json", samples=4410, overflows=[1, 3])
    assert result.code == 0
    assert "2 blocks of sound were lost" in result.err
    assert all(json.loads(line) for line in result.out.splitlines())


async def test_cli_mic_that_outruns_the_program_loses_blocks_and_says_so(tmp_path: Path) -> None:
    async with FakeServer() as server:
        result = await hear(server, tmp_path, samples=4410, blocks=3000, burst=True)
    assert result.code == 0
    assert "blocks of sound were lost" in result.err


# --- say ----------------------------------------------------------------------------------------------------------


async def test_cli_say_writes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    async with FakeServer() as server:
        arguments = ["say", "Hello there", "-o", str(path), "--voice", "ann", "--seed", "7", "--url", server.url]
        result = await run(*arguments, FAKE_SOUND_MISSING="package")
        start, say, stop = server.talks[0].messages
    assert (result.code, result.out, result.err) == (0, "", "")
    pcm, rate = soundfile.read(path, dtype="int16")
    assert (rate, pcm.tobytes().decode("utf-16-le")) == (24_000, "Hello there")
    assert isinstance(start, wire.Start)
    assert start.voice == "ann"
    assert say == wire.Say(text="Hello there", id="say", seed=7)
    assert stop == wire.Stop()
    assert os.listdir(tmp_path) == [path.name]


async def test_cli_say_plays(tmp_path: Path) -> None:
    async with FakeServer() as server:
        result = await run("say", "Hi", "--url", server.url, FAKE_SOUND=sound(tmp_path))
    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "log").read_bytes().decode("utf-16-le") == "Hi"


async def test_cli_say_sends_stdin_as_it_arrives(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    async with FakeServer() as server:
        process = await launch("say", "-", "-o", str(path), "--url", server.url, stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write("Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}".encode()[:-1])
        await eventually(lambda: bool(server.talks) and len(server.talks[0].messages) == 2)
        result = await finish(process, "\N{LATIN SMALL LETTER U WITH DIAERESIS}sse".encode()[1:])
        pieces = [message.text for message in server.talks[0].messages if isinstance(message, wire.Say)]
    assert result.code == 0
    assert pieces[0] == "Gr"
    assert "".join(pieces) == "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}sse"


async def test_cli_say_refused_by_the_server_is_one_line_and_no_file(tmp_path: Path) -> None:
    async def refuse(talk: Talk) -> None:
        await talk.open()
        await talk.receive()
        await talk.send(wire.ErrorMessage(code="bad_text", message="nothing in it can be spoken", id="say"))
        await talk.socket.wait_closed()

    path = tmp_path / "out.wav"
    async with FakeServer(refuse) as server:
        result = await run("say", "!!", "-o", str(path), "--url", server.url)
    assert (result.code, result.err) == (1, "voxduct-client: nothing in it can be spoken\n")
    assert os.listdir(tmp_path) == []


async def test_cli_say_interrupted_cancels_the_speech(tmp_path: Path) -> None:
    async def endless(talk: Talk) -> None:
        await talk.open()
        await talk.receive()
        await talk.send(wire.SpeechAudioStartMessage(id="say", voice="ann", sample_rate=24_000))
        await talk.socket.send(bytes(480))
        await talk.receive()

    async with FakeServer(endless) as server:
        process = await launch("say", "on and on", "--url", server.url, FAKE_SOUND=sound(tmp_path))
        await eventually(lambda: (tmp_path / "log").exists())
        process.send_signal(signal.SIGINT)
        result = await finish(process)
        await eventually(lambda: wire.Cancel(id="say") in server.talks[0].messages)
    assert (result.code, result.err) == (0, "")
