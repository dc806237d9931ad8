"""Plays a tape to a server as a microphone would, and notes when every message came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from voxduct import wire
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.clips import Tape
from voxduct_client import Client, SpeechChunk

CHUNK_S = 0.04  # what a sound card hands over at once
REPLY_ID = "reply"

Listener = Callable[[float, wire.AnyServerMessage], None]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, and when it was said and shown; seconds since the tape began to play."""

    text: str
    end: float
    """Where it ends, as the recogniser says."""
    committed: float
    """When the message that committed it came."""


@dataclass(slots=True)
class Heard:
    """What came back for one tape."""

    words: list[HeardWord] = field(default_factory=list)
    finals: list[tuple[float, wire.FinalMessage]] = field(default_factory=list)
    stops: list[tuple[float, wire.SpeechStoppedMessage]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    behind_s: float = 0.0
    """The most that sending fell behind real time."""
    _committed: dict[int, list[float]] = field(default_factory=dict)  # utterance -> when each word was committed

    @property
    def text(self) -> str:
        """All final text."""
        return " ".join(final.text for _, final in self.finals if final.text)

    def note(self, now: float, message: wire.ServerMessage) -> None:
        """A message came, `now` seconds after the tape began to play."""
        match message:
            case wire.CommittedMessage():
                self._committed.setdefault(message.utterance, []).extend([now] * len(message.words))
            case wire.FinalMessage():
                self.finals.append((now, message))
                self.words += _heard_words(message, self._committed.pop(message.utterance, []), now)
            case wire.SpeechStoppedMessage():
                self.stops.append((now, message))
            case wire.ErrorMessage():
                self.errors.append(f"{message.code}: {message.message}")
            case _:
                pass


async def play(url: str, tape: Tape, listen: Listener | None = None, delay_s: float = 0.0) -> Heard:
    """Streams a tape in real time in one session, to its end. `listen` is told each message when it comes."""
    await asyncio.sleep(delay_s)
    async with Client(url) as client:
        heard = Heard()
        started = asyncio.get_running_loop().time()
        reader = asyncio.create_task(_read(client, started, heard, listen), name="bench: read")
        heard.behind_s = await send_paced(client, tape.samples, started)
        await client.send_stop()
        await reader
    return heard


async def send_paced(client: Client, samples: Samples, started: float) -> float:
    """Sends each chunk once its last sample would have been recorded; returns the most it was late, in seconds."""
    clock, step, worst = asyncio.get_running_loop().time, round(CHUNK_S * SAMPLE_RATE), 0.0
    for position in range(0, len(samples), step):
        chunk = samples[position : position + step]
        due = started + (position + len(chunk)) / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - clock()))
        await client.send_audio(chunk)
        worst = max(worst, clock() - due)
    return worst


async def _read(client: Client, started: float, heard: Heard, listen: Listener | None) -> None:
    clock = asyncio.get_running_loop().time
    async for message in client:
        now = clock() - started
        if isinstance(message, wire.ServerMessage):
            heard.note(now, message)
        if listen is not None and isinstance(message, wire.ServerMessage):
            listen(now, message)


def _heard_words(final: wire.FinalMessage, committed: list[float], now: float) -> list[HeardWord]:
    """A final's words; those that no `committed` message had were committed by the final itself."""
    times = committed + [now] * (len(final.words) - len(committed))
    return [HeardWord(word.word, word.end, time) for word, time in zip(final.words, times, strict=False)]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A binary message of speech."""

    at_s: float
    """Since `say` was sent."""
    samples: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one `say` brought."""

    samples: Samples
    sample_rate: int
    arrivals: tuple[Arrival, ...]
    total_s: float
    """From sending `say` to its end."""
    reason: str

    @property
    def first_audio_s(self) -> float | None:
        """From sending `say` to its first audio; None when there was none."""
        return self.arrivals[0].at_s if self.arrivals else None


async def say(client: Client, text: str, *, id: str = REPLY_ID, voice: str | None = None, seed: int = 0) -> Spoken:
    """Asks an open session that nobody else reads to speak, and waits for the end."""
    clock = asyncio.get_running_loop().time
    started, rate = clock(), SAMPLE_RATE
    parts: list[Samples] = []
    arrivals: list[Arrival] = []

    def ended(reason: str) -> Spoken:
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return Spoken(samples, rate, tuple(arrivals), clock() - started, reason)

    await client.say(text, id=id, voice=voice, seed=seed)
    async for message in client:
        match message:
            case wire.SpeechAudioEndMessage() if message.id == id:
                return ended(message.reason)
            case wire.ErrorMessage() if message.id in (id, None):
                return ended(f"failed: {message.message}")
            case wire.SpeechAudioStartMessage():
                rate = message.sample_rate
            case SpeechChunk() if message.id == id:
                arrivals.append(Arrival(clock() - started, message.samples.size))
                parts.append(message.samples)
            case _:
                pass
    return ended("failed: the session ended")
