"""Revisions over a real socket: an engine of doubles with a second recogniser, behind the whole server."""

from __future__ import annotations

import threading

import numpy as np

from tests.fakes_hearing import WORDS, FakeVad, FakeWhisper, fake_tokenizer, say
from tests.server.fakes import Client, connect, running_server, sample
from voxduct import wire
from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Heard, Recogniser, Window
from voxduct.audio import float_to_pcm16
from voxduct.server.engine_backend import EngineBackend
from voxduct.session import Engine

SILENCE = np.zeros(16_000, np.float32)
LANGUAGES = ("<|de|>", "<|fr|>")


def pcm(*words: str) -> bytes:
    return float_to_pcm16(np.concatenate([say(*words), SILENCE])).astype("<i2").tobytes()


class Neighbour(FakeWhisper):
    """Hears each word as the next one in `WORDS`."""

    def _nearest(self, peak: int) -> str:
        return WORDS[(WORDS.index(super()._nearest(peak)) + 1) % len(WORDS)]


def recogniser(kind: type[FakeWhisper], *languages: str) -> Recogniser:
    tokenizer = fake_tokenizer(*languages, multilingual=bool(languages))
    return Recogniser(kind(tokenizer), tokenizer, AsrOptions())


def backend(second: Recogniser | None) -> EngineBackend:
    return EngineBackend(Engine(FakeVad(), recogniser(FakeWhisper), second_recogniser=second))


async def said_until_stopped(client: Client) -> list[wire.AnyServerMessage]:
    await client.send(type="stop")
    messages = [await client.receive()]
    while not isinstance(messages[-1], wire.Stopped):
        messages.append(await client.receive())
    return messages


async def test_revised_follows_its_final_where_it_was_asked_for() -> None:
    async with running_server(backend(recogniser(Neighbour))) as server, connect(server) as client:
        assert (await client.start(revisions=True)).revisions
        await client.send_audio(pcm("alpha", "charlie"))
        final = await client.expect(wire.FinalMessage)
        assert (final.text, final.language, final.language_probability) == ("alpha charlie", "en", 1.0)
        revised = await client.expect(wire.RevisedMessage)
        assert (revised.utterance, revised.version, revised.text) == (0, 1, "bravo delta")
        assert (revised.start, revised.end) == (final.start, final.end)
        assert [word.word for word in revised.words] == ["bravo", "delta"]
        assert sample(server, "job_run_seconds_count", kind="revision") == 1


async def test_revised_is_not_sent_to_clients_that_did_not_ask() -> None:
    second = recogniser(Neighbour)
    async with running_server(backend(second)) as server, connect(server) as client:
        assert not (await client.start()).revisions
        await client.send_audio(pcm("alpha"), pcm("bravo"))
        kinds = {type(message) for message in await said_until_stopped(client)}
        assert wire.FinalMessage in kinds
        assert wire.RevisedMessage not in kinds
        assert sample(server, "job_run_seconds_count", kind="revision") == 0


async def test_ready_without_a_second_recogniser_promises_no_revisions() -> None:
    async with running_server(backend(None)) as server, connect(server) as client:
        assert not (await client.start(revisions=True)).revisions


async def test_second_recogniser_that_fails_leaves_the_session_alone() -> None:
    class Broken(Recogniser):
        failed = threading.Event()

        def recognise(self, window: Window) -> Heard:
            self.failed.set()
            raise RuntimeError("out of memory")

    tokenizer = fake_tokenizer()
    second = Broken(FakeWhisper(tokenizer), tokenizer)
    async with running_server(backend(second)) as server, connect(server) as client:
        await client.start(revisions=True)
        await client.send_audio(pcm("alpha"))
        await client.expect(wire.FinalMessage)
        while not sample(server, "job_failures_total", kind="revision"):
            await client.send_audio(pcm("bravo"))
            await client.expect(wire.FinalMessage)  # raises at an error
        assert Broken.failed.is_set()
        assert not any(isinstance(message, wire.ErrorMessage) for message in await said_until_stopped(client))


async def test_languages_of_a_session_are_chosen_among_those_of_the_model() -> None:
    engine = Engine(FakeVad(), recogniser(FakeWhisper, *LANGUAGES))
    async with running_server(EngineBackend(engine)) as server:
        async with connect(server) as client:
            await client.send(type="start", languages=["tlh"])
            refused = await client.expect_error()
            assert (refused.code, refused.param) == ("unknown_language", "languages")
            assert (await client.start(languages=["fr"])).languages == ["de", "en", "fr"]
            await client.send_audio(pcm("alpha"))
            final = await client.expect(wire.FinalMessage)
            assert (final.language, final.language_probability) == ("fr", 1.0)
        async with connect(server) as client:
            await client.start(languages=["de", "fr"])
            await client.send_audio(pcm("alpha"))
            final = await client.expect(wire.FinalMessage)
            assert (final.language, final.language_probability) == ("de", 0.5), "the double cannot tell them apart"
