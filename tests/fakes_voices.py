"""Everything a voice is made with, without weights: FakeVad's speech is what is loud."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from tests.fakes_hearing import FakeVad
from tests.fakes_speaking import SPEAKER, FakeLm, fake_synthesiser
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.models import Floats, Ints
from voxduct.tts.synthesiser import Synthesiser
from voxduct.voices.clip import ClipOptions
from voxduct.voices.enrolment import Enroller
from voxduct.voices.shelf import VoiceShelf
from voxduct.voices.store import Consent, VoiceStore

CODEC = "c0dec"
CONSENT = Consent(text="I agree that my voice is used here.", by="Anna", given="2026-11-24T12:00:00Z")


@dataclass
class FakeSpeakerEncoder:
    """The mean code of the first books; remembers what it was asked about."""

    heard: list[Ints] = field(default_factory=list)

    def speaker(self, codes: Ints) -> Floats:
        self.heard.append(codes)
        found: Floats = codes[:SPEAKER].mean(axis=1).astype(np.float32)
        return found


def fake_enroller(
    lm: FakeLm | None = None, synthesiser: Synthesiser | None = None, options: ClipOptions | None = None
) -> Enroller:
    return Enroller(FakeVad(), FakeSpeakerEncoder(), synthesiser or fake_synthesiser(lm), options)


def fake_shelf(folder: Path, lm: FakeLm | None = None, codec: str = CODEC) -> VoiceShelf:
    return VoiceShelf(fake_enroller(lm), VoiceStore(folder), codec)


def buzz(seconds: float, level: float = 0.3) -> Samples:
    """Loud, and never twice the same."""
    rng = np.random.default_rng(int(seconds * 100))
    samples: Samples = (level * rng.uniform(-1, 1, int(seconds * SAMPLE_RATE))).astype(np.float32)
    return samples


def hush(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def wav(samples: Samples, rate: int = SAMPLE_RATE, subtype: str = "PCM_16", format: str = "WAV") -> bytes:
    """A sound file in memory; `samples` of shape [n] or [n, channels]."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format=format)
    return file.getvalue()
