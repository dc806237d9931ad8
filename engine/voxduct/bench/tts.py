"""Does the voice say what it was given, all of it and nothing else, and how fast?

Every sentence is spoken through the server, one after the other, and then heard.

wer              by our own recogniser, offline, over what was spoken (`wer_<list>` per list of sentences).
wer_independent  by PocketSphinx, where it is installed (`make setup-bench`): it shares nothing with this project.
runaways         sentences with more than MOST_S seconds per phone of their text, plus MARGIN_S, or in which our
                 recogniser hears half as many letters again as the text has. (Letters, because a long word that is
                 heard as several short ones is one mistake and not more speech.)
truncations      sentences with less than LEAST_S per phone, or whose last two words (or more) were not heard.
failures         requests that did not end as `completed`.
first_audio      `say` sent -> first binary message of speech has arrived.
rtf              seconds of speech jobs in the server per second of speech sent, from `/metrics`.
likeness, likeness_other, told_apart
                 whether the voice and another one, `other_voice`, are told apart: see `voxduct.bench.contrast`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.contrast import contrast
from voxduct.bench.ears import Ear, padded, pocketsphinx_ear, speaker_embeddings
from voxduct.bench.live import Spoken, say
from voxduct.bench.local_server import Address
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, milliseconds, rounded
from voxduct.bench.scoring import Alignment, WordErrors, align, normalise
from voxduct.bench.server_metrics import ServerMetrics
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text.normalise import PAUSES, spoken_words
from voxduct_client import Client

LEAST_S, MOST_S, MARGIN_S = 0.03, 0.25, 1.0
LEAST_LETTERS = 12  # so that "ah", heard as "are", is not a runaway
CONTRASTED = 12  # sentences that a second voice says too
CONTRASTED_MIN_WORDS = 6  # an embedding of less than a second says little


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence as it was spoken."""

    listed: str
    """The list it is from."""
    text: str
    written: str
    """The words it should be heard as: numbers and the like spelt out."""
    phones: int
    spoken: Spoken

    @property
    def samples(self) -> Samples:
        """The speech at 16 kHz."""
        samples, rate = self.spoken.samples, self.spoken.sample_rate
        return samples if rate == SAMPLE_RATE else np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)

    @property
    def seconds(self) -> float:
        """How long it took to say."""
        return len(self.spoken.samples) / self.spoken.sample_rate


@dataclass(frozen=True, slots=True)
class Frontend:
    """What the measurement must know about text; the synthesiser's own front end answers."""

    written: Callable[[str], str]
    phones: Callable[[str], int]

    @classmethod
    def of(cls, synthesiser: Synthesiser) -> Frontend:
        """The front end of a synthesiser."""
        phonemizer = synthesiser.phonemizer

        def words(text: str) -> list[str]:
            return spoken_words(text, phonemizer.knows)

        return cls(
            written=lambda text: " ".join(word for word in words(text) if word not in PAUSES),
            phones=lambda text: len(phonemizer.phonemize(words(text)).phones),
        )


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything that was spoken."""

    voice: list[Reading]
    """Every sentence."""
    other_voice: str | None
    other: list[Reading]
    """Some of the same sentences by `other_voice`; empty when the server has only one voice."""
    spent: ServerMetrics

    @property
    def pairs(self) -> list[tuple[Reading, Reading]]:
        """What both voices said."""
        by_text = {one.text: one for one in self.voice}
        return [(by_text[other.text], other) for other in self.other]


def speak_all(
    address: Address, lists: Mapping[str, Sequence[str]], frontend: Frontend, voice: str, other: str | None
) -> Readings:
    """Has every sentence of every list spoken by `voice`, and some of them by `other` (None: any other voice)."""
    before = ServerMetrics.parse(address.get("/metrics"))
    readings = asyncio.run(_speak_in(address.stream, _numbered(lists), frontend, voice))
    spent = ServerMetrics.parse(address.get("/metrics")) - before
    voices = asyncio.run(_voices(address.stream))
    other = other or next((name for name in voices if name != voice), None)
    both = [item for item in _numbered(lists) if len(item[2].split()) >= CONTRASTED_MIN_WORDS][:CONTRASTED]
    if other is None or len(both) < 2:
        return Readings(readings, None, [], spent)
    return Readings(readings, other, asyncio.run(_speak_in(address.stream, both, frontend, other)), spent)


def _numbered(lists: Mapping[str, Sequence[str]]) -> list[tuple[int, str, str]]:
    sentences = [(listed, text) for listed, texts in lists.items() for text in texts]
    return [(number, listed, text) for number, (listed, text) in enumerate(sentences)]


async def _voices(url: str) -> list[str]:
    async with Client(url) as client:
        return list(client.ready.voices)


async def _speak_in(
    url: str, sentences: Sequence[tuple[int, str, str]], frontend: Frontend, voice: str
) -> list[Reading]:
    readings = []
    async with Client(url) as client:
        for number, listed, text in tracked(sentences, f"speak {voice}"):
            spoken = await say(client, text, id=f"say-{number}", voice=voice, seed=number)
            readings.append(Reading(listed, text, frontend.written(text), frontend.phones(text), spoken))
    return readings


def judge(made: Readings, hear: Ear) -> tuple[Figures, list[str]]:
    """Judges what was spoken; returns the figures and what was heard of each sentence."""
    readings = made.voice
    texts = [hear(padded(one.samples)) for one in tracked(readings, "hear")]
    ours = [align(normalise(one.written), normalise(text)) for one, text in zip(readings, texts, strict=True)]
    first = [one.spoken.first_audio_s for one in readings if one.spoken.first_audio_s is not None]
    found: Figures = {
        "sentences": len(readings),
        "speech_s": round(sum(one.seconds for one in readings), 1),
        "failures": sum(one.spoken.reason != "completed" for one in readings),
        "runaways": sum(runaway(one, text) for one, text in zip(readings, texts, strict=True)),
        "truncations": sum(truncated(one, heard) for one, heard in zip(readings, ours, strict=True)),
        "wer": rounded(_total(ours).rate),
        **{f"wer_{name}": rounded(_total(some).rate) for name, some in _by_list(readings, ours).items()},
        "first_audio_p50_ms": milliseconds(first, 50),
        "first_audio_p95_ms": milliseconds(first, 95),
        "rtf": rounded(made.spent.rtf_tts),
    }
    return found | _independent(readings) | _told_apart(made), texts


def _independent(readings: Sequence[Reading]) -> Figures:
    ear = pocketsphinx_ear()
    found: Figures = {}
    if ear is not None:
        heard = [
            align(normalise(one.written), normalise(ear(padded(one.samples)))) for one in tracked(readings, "check")
        ]
        found["wer_independent"] = rounded(_total(heard).rate)
    return found


def _told_apart(made: Readings) -> Figures:
    pairs = made.pairs
    embeddings = speaker_embeddings([one.samples for pair in pairs for one in pair]) if pairs else None
    if embeddings is None:
        return {"other_voice": made.other_voice}
    found = contrast(embeddings[::2], embeddings[1::2])
    return {
        "other_voice": made.other_voice,
        "likeness": rounded(found.likeness),
        "likeness_other": rounded(found.likeness_other),
        "told_apart": rounded(found.told_apart),
    }


def runaway(reading: Reading, heard: str) -> bool:
    """Whether it goes on too long, or much is heard that was not in the text."""
    too_long = reading.seconds > MOST_S * reading.phones + MARGIN_S
    said = _letters(reading.written)
    return too_long or (_letters(heard) - said) * 2 >= max(said, LEAST_LETTERS)


def _letters(text: str) -> int:
    return sum(len(word) for word in normalise(text))


def truncated(reading: Reading, heard: Alignment) -> bool:
    """Whether it is too short, or its end was not heard."""
    last = max((index for index, _ in heard.pairs), default=-1)
    return reading.seconds < LEAST_S * reading.phones or heard.errors.words - 1 - last >= 2


def _total(alignments: Sequence[Alignment]) -> WordErrors:
    return sum((one.errors for one in alignments), WordErrors())


def _by_list(readings: Sequence[Reading], heard: Sequence[Alignment]) -> dict[str, list[Alignment]]:
    lists: dict[str, list[Alignment]] = {}
    for reading, alignment in zip(readings, heard, strict=True):
        lists.setdefault(reading.listed, []).append(alignment)
    return lists
