"""Spoken sentences in a described voice: espeak-ng, flite, Pico or festival, then a formant warp by resampling.

A `Voice` is a point on a grid of settings.  Some cells of the grid, some espeak-ng variants and one
accent are kept for the test alone, so that a test utterance differs from training in text *and* in voice.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voxduct_training.espeak import espeak
from voxduct_training.flite import flite

Samples = NDArray[np.float32]
RATE = 16_000
ACCENTS = ("en-us", "en-us", "en-us", "en-gb", "en-gb", "en-gb-x-rp", "en-us-nyc")
VARIANTS = ("", "", "+f1", "+f2", "+f3", "+f5", "+m1", "+m3", "+m4", "+m7")
HELD_OUT_VARIANTS = ("+f3", "+m4")
HELD_OUT_ACCENTS = ("en-us-nyc",)
FLITE = ("slt", "slt", "slt", "rms", "rms", "rms", "awb", "awb", "kal16")
FESTIVAL = ("cmu_us_slt_arctic_hts",)
PICO = ("en-US", "en-GB")
ESPEAK_PITCH, ESPEAK_RATE = (30, 40, 50, 60, 70), (145, 160, 175, 190)
FLITE_PITCH = {
    "slt": (150, 165, 180, 200, 220),
    "rms": (85, 95, 105, 120),
    "awb": (105, 120, 135, 150),
    "kal16": (95, 110, 130),
}
FLITE_STRETCH = (85, 92, 100, 108, 118)
PICO_PITCH, PICO_PACE = (80, 90, 100, 110, 120), (80, 90, 100, 110, 125)  # per cent of its own
MIXTURE = (0.49, 0.49, 0.02)  # espeak-ng, flite, festival; Pico, when it is drawn, comes fourth
ENGINES = ("espeak", "flite", "festival", "pico")
ESPEAK_NAMES = {"en-gb": "en"}  # the library knows British English by this name alone
WARP = (95, 100, 100, 106)


@dataclass(frozen=True)
class Voice:
    """One setting of one synthesiser. `pace` is words a minute (espeak-ng), a pace (Pico) or a stretch in per cent."""

    engine: str
    name: str
    pitch: int
    pace: int
    warp: int

    def __str__(self) -> str:
        return f"{self.engine}/{self.name}/{self.pitch}/{self.pace}/{self.warp}"

    @classmethod
    def parse(cls, text: str) -> Voice:
        """The voice that `str` wrote."""
        engine, name, *numbers = text.split("/")
        return cls(engine, name, *(int(number) for number in numbers))

    @property
    def held_out(self) -> bool:
        """Whether only the test may use this voice."""
        if self.engine == "espeak":
            accent, _, variant = self.name.partition("+")
            if accent in HELD_OUT_ACCENTS or f"+{variant}" in HELD_OUT_VARIANTS:
                return True
        return zlib.crc32(str(self).encode()) % 8 == 0


@dataclass(frozen=True)
class Speech:
    """Samples at RATE, and where they may be cut: (words so far, sample at which the last of them ends)."""

    samples: Samples
    cuts: tuple[tuple[int, int], ...]
    starts: tuple[tuple[int, int], ...] = ()
    """(words before, sample at which the next one begins, after any pause); not of words that nobody knows it of."""


_Known = list[tuple[int, float]]
_Spoken = tuple[Samples, int, _Known, _Known]
"""Samples, their rate, and as in `Speech`, in seconds: the cuts and the starts."""


def draw_voice(rng: random.Random, *, held_out: bool, weights: tuple[float, ...] = MIXTURE) -> Voice:
    """A random voice from the training part of the grid, or from the test's."""
    engine = rng.choices(ENGINES[: len(weights)], weights)[0]
    while True:
        voice = _draw(engine, rng)
        if voice.held_out == held_out:
            return voice


def _draw(engine: str, rng: random.Random) -> Voice:
    warp = rng.choice(WARP)
    if engine == "espeak":
        name = rng.choice(ACCENTS) + rng.choice(VARIANTS)
        return Voice(engine, name, rng.choice(ESPEAK_PITCH), rng.choice(ESPEAK_RATE), warp)
    if engine == "flite":
        name = rng.choice(FLITE)
        return Voice(engine, name, rng.choice(FLITE_PITCH[name]), rng.choice(FLITE_STRETCH), warp)
    if engine == "pico":
        return Voice(engine, rng.choice(PICO), rng.choice(PICO_PITCH), rng.choice(PICO_PACE), warp)
    return Voice(engine, rng.choice(FESTIVAL), 0, rng.choice(FLITE_STRETCH), warp)


def synthesise(text: str, voice: Voice) -> Speech:
    """`text` (lower case, commas allowed) spoken by `voice`, peak .6, with the silence around it trimmed."""
    samples, rate, ends, begins = _SPEAKERS[voice.engine](text, voice)
    resampled = soxr.resample(samples, rate * voice.warp / 100, RATE, quality="MQ") if len(samples) else samples
    scale = RATE / (rate * voice.warp / 100) * rate
    cuts, starts = ([(count, int(at * scale)) for count, at in known] for known in (ends, begins))
    return _trimmed(resampled.astype(np.float32), cuts, starts)


def _trimmed(samples: Samples, cuts: list[tuple[int, int]], starts: list[tuple[int, int]]) -> Speech:
    loud = np.flatnonzero(np.abs(samples) > 0.01 * max(float(np.abs(samples).max(initial=0.0)), 1e-4))
    if len(loud) < 800:
        return Speech(np.zeros(0, np.float32), ())
    start, stop = max(0, int(loud[0]) - 480), min(len(samples), int(loud[-1]) + 960)
    kept = samples[start:stop]
    kept = kept * (0.6 / np.abs(kept).max())
    return Speech(
        kept,
        tuple((n, at - start) for n, at in cuts if 0 < at - start < stop - start),
        tuple((n, max(at - start, 0)) for n, at in starts if at < stop),
    )


def _speak_espeak(text: str, voice: Voice) -> _Spoken:
    accent, plus, variant = voice.name.partition("+")
    name = ESPEAK_NAMES.get(accent, accent) + plus + variant
    samples, starts = espeak().speak(text, name, voice.pitch, voice.pace * voice.warp // 100, 50)
    known = [(len(text[:position].split()), start) for position, start in starts]
    return samples, espeak().rate, [cut for cut in known if cut[0] > 0], known


def _speak_flite(text: str, voice: Voice) -> _Spoken:
    samples, rate, spans = flite().speak(text, voice.name, voice.pitch, voice.pace / 100)
    ends = [end for _, end in spans]
    return samples, rate, list(enumerate(ends, start=1))[:-1], [(n, start) for n, (start, _) in enumerate(spans)]


def _speak_festival(text: str, voice: Voice) -> _Spoken:
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "speech.wav"
        setting = f"(begin (voice_{voice.name}) (Parameter.set 'Duration_Stretch {voice.pace / 100:.2f}))"
        command = ["text2wave", "-eval", setting, "-o", str(wave)]
        subprocess.run(command, input=text.encode(), check=True, capture_output=True)
        samples, rate = soundfile.read(wave, dtype="float32")
    return samples, int(rate), [], []


def _speak_pico(text: str, voice: Voice) -> _Spoken:
    setting = f'<pitch level="{voice.pitch}"><speed level="{voice.pace}">{text}</speed></pitch>'
    samples = np.frombuffer(_pico(voice.name).speak(setting), "<i2").astype(np.float32) / 32768
    return samples, RATE, [], []


@cache
def _pico(name: str) -> Any:
    from ttspico import TtsEngine

    return TtsEngine(name)


_SPEAKERS = {"espeak": _speak_espeak, "flite": _speak_flite, "festival": _speak_festival, "pico": _speak_pico}
