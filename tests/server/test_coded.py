"""Clients that send and hear packets of codes, on a real server and beside clients that do not."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.fakes_coded import DELAY, ROUGH, RoughCodec, engine, f32, once_through, packets
from tests.fakes_hearing import say
from tests.server.fakes import connect, running_server, sample
from tests.tts.prompted.test_synthesiser import RATE, synthesiser
from tests.tts.test_stream import run
from voxduct import wire
from voxduct.audio import Samples, pcm16_to_float
from voxduct.codec.stretches import SpeechDecoder, StretchDecoder, StretchEncoder
from voxduct.coded import PacketReader
from voxduct.dsp import Resampler
from voxduct.events import SpeechAudio, SpeechCodes
from voxduct.loading import OWN_CODEC, EngineOptions, load_engine
from voxduct.models import Ints
from voxduct.server.engine_backend import EngineBackend
from voxduct.session import Engine
from voxduct.tts.sentence import CodedSentence, SpokenSentence
from voxduct.tts.stream import SpeechStream

CLIPS = Path(__file__).parents[2] / "benchmarks" / "data" / "demo"
SILENCE = np.zeros(16_000, np.float32)
TALK = np.concatenate([SILENCE, say("alpha", "bravo", gap=1_600), SILENCE])
BAD = [b"", bytes(640), b"\xc0\x01\x00", b"\xc1\x01" + bytes(4), b"\xc0\x65" + bytes(101 * 640), b"\xc4" + bytes(99)]


def backend(codec: RoughCodec | None = None) -> EngineBackend:
    return EngineBackend(engine(codec))


async def heard(client: object, audio: list[bytes], **start: object) -> list[wire.ServerMessage]:
    """Everything firm that is said of this audio."""
    await client.start(**start)  # type: ignore[attr-defined]
    await client.send_audio(*audio)  # type: ignore[attr-defined]
    await client.send(type="stop")  # type: ignore[attr-defined]
    said: list[wire.ServerMessage] = []
    while not (said and isinstance(said[-1], wire.Stopped)):
        message = await client.receive()  # type: ignore[attr-defined]
        assert not isinstance(message, wire.ErrorMessage), message
        if isinstance(message, wire.FinalMessage | wire.SpeechStoppedMessage | wire.Stopped):
            said.append(message)
    return said


def facts(said: list[wire.ServerMessage]) -> list[tuple[object, ...]]:
    return [
        (one.text, one.start, one.end, one.words) if isinstance(one, wire.FinalMessage) else (one.time,)
        for one in said
        if isinstance(one, wire.FinalMessage | wire.Stopped)
    ]


async def test_coded_microphone_is_heard_as_its_decoded_samples_are() -> None:
    async with running_server(backend()) as server, connect(server) as coded, connect(server) as plain:
        one, other = await asyncio.gather(
            heard(coded, packets(TALK), encoding=ROUGH),
            heard(plain, [f32(once_through(TALK))], encoding="f32le"),
        )
    assert facts(one) == facts(other)
    assert facts(one)[-1] == (len(TALK) / 16_000,)


async def test_coded_capabilities_are_in_ready_and_on_readyz() -> None:
    async with running_server(backend()) as server, connect(server) as client, httpx.AsyncClient() as http:
        assert (await http.get(f"{server.url}/readyz")).json()["codecs"] == [ROUGH, "own"]
        await client.send(type="start", encoding="opus")
        error = await client.expect_error()
        assert (error.code, error.param) == ("bad_audio", "encoding")
        assert "rough, own" in error.message
        ready = await client.start(encoding=ROUGH)
        assert ready.codecs[0] == wire.WireCodecOffer(
            name=ROUGH, version="1", books=320, cardinality=65_536, frame_samples=320, delay_samples=DELAY
        )


async def test_coded_bad_packets_are_answered_and_nobody_is_disturbed() -> None:
    async with running_server(backend()) as server, connect(server) as client, connect(server) as neighbour:
        await neighbour.start(encoding="f32le")
        await client.start(encoding=ROUGH)
        good = packets(TALK)
        for bad, packet in zip(BAD, good, strict=False):
            await client.socket.send(bad)
            error = await client.expect_error()
            assert (error.code, error.param, error.fatal) == ("bad_audio", "audio", False)
            await client.send_audio(packet)
        await client.send_audio(*good[len(BAD) :])
        await neighbour.send_audio(f32(TALK))
        finals = []
        for one in (client, neighbour):
            await one.send(type="stop")
            finals.append(await one.expect(wire.FinalMessage))
            assert (await one.expect(wire.Stopped)).time == len(TALK) / 16_000
        assert [final.text for final in finals] == ["alpha bravo"] * 2
        assert finals[0].words == finals[1].words


async def test_coded_audio_is_decoded_on_worker_threads() -> None:
    threads = set()

    class Watched(RoughCodec):
        def decode(self, codes: Ints, state: object) -> Samples:
            threads.add(threading.current_thread().name)
            return super().decode(codes, state)

    async with running_server(backend(Watched(DELAY))) as server, connect(server) as client:
        await heard(client, packets(TALK), encoding=ROUGH)
        assert sample(server, "job_run_seconds_count", kind="decode") > 0
    assert threads and all(name.startswith("voxduct-job") for name in threads)


async def test_coded_codec_that_fails_is_told_and_the_neighbour_hears_on() -> None:
    codec = RoughCodec(DELAY)
    codec.fail_at = 0
    async with running_server(backend(codec)) as server, connect(server) as client, connect(server) as neighbour:
        await neighbour.start(encoding="f32le")
        await client.start(encoding=ROUGH)
        await client.send_audio(*packets(SILENCE))
        error = await client.expect_error()
        assert (error.code, error.fatal) == ("inference_failed", False)
        codec.fail_at = None
        await client.send_audio(*packets(TALK))
        await neighbour.send_audio(f32(TALK))
        assert (await neighbour.expect(wire.FinalMessage)).text == "alpha bravo"
        while not isinstance(message := await client.receive(), wire.FinalMessage):
            assert getattr(message, "code", "inference_failed") == "inference_failed", message
        assert message.text == "alpha bravo"


async def spoken(server: object, codec: str | None) -> tuple[Samples, wire.SpeechAudioEndMessage]:
    """What a client hears when it asks for speech, decoded as docs/protocol.md says, and how it ends."""
    own = engine().codecs["own"]
    reader, decoder = PacketReader(own.format), SpeechDecoder(own)
    async with connect(server) as client:  # type: ignore[arg-type]
        await client.start(**({} if codec is None else {"speech_encoding": codec}))
        await client.send(type="say", text="Hello world. The dog!", id="a")
        await client.expect(wire.SpeechAudioStartMessage)
        made: list[Samples] = []
        while True:
            data = await asyncio.wait_for(client.socket.recv(), 10)
            if isinstance(data, str):
                end = wire.decode_server(data)
                assert isinstance(end, wire.SpeechAudioEndMessage)
                return np.concatenate(made), end
            if codec is None:
                made.append(pcm16_to_float(np.frombuffer(data, "<i2")))
            else:
                made.append(decoder.decode(reader.read(data)))


async def test_coded_speech_has_the_samples_of_pcm() -> None:
    async with running_server(backend()) as server:
        (pcm, end), (decoded, coded_end) = await spoken(server, None), await spoken(server, "own")
        assert sample(server, "speech_seconds_total") == pytest.approx(2 * len(pcm) / 16_000)
    assert (end.reason, end.samples) == (coded_end.reason, coded_end.samples) == ("completed", len(pcm))
    assert np.abs(decoded - pcm).max() < 1e-4, "and s16le rounds by 3e-5"


async def test_coded_session_of_a_voice_of_another_rate_is_told_the_rate_of_the_codes() -> None:
    served = EngineBackend(replace(engine(), synthesiser=synthesiser()))
    async with running_server(served) as server, connect(server) as coded, connect(server) as plain:
        assert (await plain.start()).voice_sample_rate == RATE
        assert (await coded.start(speech_encoding=ROUGH)).voice_sample_rate == 16_000
        for client, rate in ((plain, RATE), (coded, 16_000)):
            await client.send(type="say", text="Fine.", id="a")
            assert (await client.expect(wire.SpeechAudioStartMessage)).sample_rate == rate


# --- with the embedded models


@pytest.fixture(scope="module")
def embedded() -> Engine:
    return load_engine(EngineOptions(wire_codecs=(OWN_CODEC,)))


def clip() -> Samples:
    samples, rate = soundfile.read(CLIPS / "demo-00.opus", dtype="float32")
    resampler = Resampler(rate)
    return np.concatenate([resampler.feed(samples), resampler.flush(), np.zeros(16_000, np.float32)])


@pytest.mark.model
async def test_coded_clip_is_heard_as_after_the_codec_offline(embedded: Engine) -> None:
    codec = embedded.codecs[OWN_CODEC]
    encoder, decoder, audio = StretchEncoder(codec), StretchDecoder(codec), clip()
    sounds = [one for piece in np.array_split(audio, 50) for one in encoder.feed(piece)] + encoder.end()
    offline = np.clip(np.concatenate([decoder.decode(sound) for sound in sounds]), -1, 1)
    assert len(offline) == len(audio)
    coded = [codec.format.encode(sound) for sound in sounds]
    async with running_server(EngineBackend(embedded), workers=2) as server:
        async with connect(server) as client:
            one = await heard(client, coded, encoding=OWN_CODEC)
        async with connect(server) as client:
            other = await heard(client, [f32(piece) for piece in np.array_split(offline, 50)], encoding="f32le")
    texts = [[final.text for final in said if isinstance(final, wire.FinalMessage)] for said in (one, other)]
    assert texts[0] == texts[1] and len(" ".join(texts[0]).split()) > 3
    assert one[-1].time == other[-1].time == pytest.approx(len(audio) / 16_000, abs=1e-4)  # type: ignore[attr-defined]


@pytest.mark.model
def test_coded_speech_of_the_embedded_voice_has_the_samples_of_pcm(embedded: Engine) -> None:
    made = []
    assert embedded.synthesiser is not None
    assert embedded.codecs[OWN_CODEC].codec is embedded.synthesiser.codec
    for form in (SpokenSentence, CodedSentence):
        stream = SpeechStream(embedded.synthesiser, "a", seed=5, form=form)
        stream.feed("Good evening, and welcome. We begin in a minute!")
        stream.end()
        made.append(run(stream))
    decoder = SpeechDecoder(embedded.codecs[OWN_CODEC])
    samples = np.concatenate([event.samples for event in made[0] if isinstance(event, SpeechAudio)])
    decoded = np.concatenate([decoder.decode(event.sound) for event in made[1] if isinstance(event, SpeechCodes)])
    assert decoded.shape == samples.shape and np.abs(samples).max() > 0.05
    assert np.abs(decoded - samples).max() < 1e-4
