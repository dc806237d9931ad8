"""A real server whose models need no weights, and what a user of its voices does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.fakes_hearing import FakeVad
from tests.fakes_speaking import FakeLm, fake_synthesiser
from tests.fakes_voices import CODEC, FakeSpeakerEncoder, buzz, hush, wav
from tests.server.fakes import running_server
from tests.session.virtual_server import Steady
from voxduct.models import Floats
from voxduct.server.engine_backend import EngineBackend
from voxduct.server.serve import VoiceServer
from voxduct.session import Engine
from voxduct.voices.enrolment import Enroller
from voxduct.voices.shelf import VoiceShelf
from voxduct.voices.store import VoiceStore

CLIP = wav(np.concatenate([hush(0.5), buzz(3), hush(0.5)]))
CONSENT = "I, Anna, agree that my voice is imitated here."


class GatedVad(FakeVad):
    """Waits until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = threading.Event()

    def probabilities(self, frames: Floats, state: object) -> Floats:
        self.asked.set()
        assert self.go_on.wait(10)
        return super().probabilities(frames, state)


class Hearing(Steady):
    """Hears English."""

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)


def backend(folder: Path, lm: FakeLm | None = None, vad: FakeVad | None = None) -> EngineBackend:
    synthesiser = fake_synthesiser(lm)
    enroller = Enroller(vad or FakeVad(), FakeSpeakerEncoder(), synthesiser)
    shelf = VoiceShelf(enroller, VoiceStore(folder), CODEC)
    shelf.load()
    return EngineBackend(Engine(FakeVad(), Hearing(), synthesiser), shelf=shelf)


@contextlib.asynccontextmanager
async def serving(folder: Path, made: EngineBackend | None = None, **options: Any) -> AsyncIterator[Api]:
    async with (
        running_server(made or backend(folder), **options) as server,
        httpx.AsyncClient(base_url=server.url, timeout=20) as http,
    ):
        yield Api(server, http)


class Api:
    """What a user of the HTTP interface can do."""

    def __init__(self, server: VoiceServer, http: httpx.AsyncClient) -> None:
        self.server = server
        self.http = http

    async def make(self, name: str = "anna", audio: bytes = CLIP, **fields: str) -> httpx.Response:
        data = {"name": name, "consent": CONSENT} | fields
        return await self.http.post("/v1/voices", data=data, files={"audio": ("clip.wav", audio)})

    async def names(self) -> list[str]:
        return [voice["name"] for voice in (await self.http.get("/v1/voices")).json()["voices"]]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["message"] and "\n" not in error["message"]
    return answer.status_code, error["code"]
