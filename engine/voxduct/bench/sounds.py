"""Sounds that are not speech, made from a seed: what a hallucination gate must let pass without a word.

Every public sound takes a random generator and a number of samples and returns shape [n] at 16 kHz; `loudness` says how
loud. `NOISES` go on and on, `VARIED` begin and end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from voxduct.audio import SAMPLE_RATE, Samples

Wave: TypeAlias = npt.NDArray[np.float64]
Random: TypeAlias = np.random.Generator
Sound: TypeAlias = Callable[[Random, int], Wave]

CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 3, 7, 10), (0, 5, 7))  # semitones over the root
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)
DTMF = ((697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0))


def loudness(wave: Wave, level_db: float) -> Samples:
    """The wave at an RMS of `level_db` dB of full scale, clipped to what PCM holds; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(wave)))) if wave.size else 0.0
    scaled = wave * (10.0 ** (level_db / 20.0) / rms) if rms > 0.0 else wave
    return np.clip(scaled, -1.0, 1.0).astype(np.float32)


def silence(random: Random, size: int) -> Wave:
    """Digital silence."""
    return np.zeros(size)


def white(random: Random, size: int) -> Wave:
    """Equal power at all frequencies."""
    return random.standard_normal(size)


def pink(random: Random, size: int) -> Wave:
    """Equal power in all octaves from 20 Hz."""
    return coloured(random, size, lambda hertz: 1.0 / np.sqrt(np.maximum(hertz, 20.0)))


def fan(random: Random, size: int) -> Wave:
    """Air of a fan: dull noise, the harmonics of its blades, and a slow coming and going."""
    cutoff = random.uniform(250.0, 900.0)
    air = coloured(random, size, lambda hertz: 1.0 / (1.0 + np.square(hertz / cutoff)))
    blades = harmonics(random, size, random.uniform(70.0, 220.0), count=6)
    wobble = 1.0 + random.uniform(0.05, 0.25) * np.sin(_phase(random.uniform(0.1, 0.8), size))
    mixed: Wave = (_even(air) + random.uniform(0.1, 0.6) * _even(blades)) * wobble
    return mixed


def tones(random: Random, size: int) -> Wave:
    """Steady sines, one after the other."""
    return _scatter(random, size, (0.15, 1.2), (0.05, 0.8), _tone)


def sweeps(random: Random, size: int) -> Wave:
    """Sines that glide up or down."""
    return _scatter(random, size, (0.2, 2.0), (0.05, 0.6), _sweep)


def clicks(random: Random, size: int) -> Wave:
    """Short clicks at random times."""
    return _scatter(random, size, (0.004, 0.02), (0.02, 0.9), _click)


def keyboard(random: Random, size: int) -> Wave:
    """Typing: each key down and up, in bursts."""
    return _scatter(random, size, (0.06, 0.12), (0.03, 0.22), _key)


def chords(random: Random, size: int) -> Wave:
    """Chords that are struck and die away, like a piano's."""
    return _scatter(random, size, (0.6, 2.0), (0.0, 0.3), _chord)


def arpeggios(random: Random, size: int) -> Wave:
    """Single plucked or bowed notes of a scale."""
    return _scatter(random, size, (0.15, 0.5), (0.0, 0.15), _note)


def drums(random: Random, size: int) -> Wave:
    """A beat: drum, snare and hi-hat."""
    return _scatter(random, size, (0.1, 0.3), (0.05, 0.25), _drum)


def music(random: Random, size: int) -> Wave:
    """Chords, notes and drums together."""
    parts = [_even(part(random, size)) for part in (chords, arpeggios, drums)]
    mixed: Wave = sum((random.uniform(0.4, 1.0) * part for part in parts), np.zeros(size))
    return mixed


def slams(random: Random, size: int) -> Wave:
    """Doors that fall shut."""
    return _scatter(random, size, (0.3, 0.7), (0.8, 3.0), _slam)


def beeps(random: Random, size: int) -> Wave:
    """Telephone keys and alarm clocks."""
    return _scatter(random, size, (0.08, 0.3), (0.06, 0.5), _beep)


def hum(random: Random, size: int) -> Wave:
    """Mains hum with its harmonics."""
    faint = 0.02 * random.standard_normal(size)
    summed: Wave = _even(harmonics(random, size, random.choice([50.0, 60.0]), count=12)) + faint
    return summed


def rustle(random: Random, size: int) -> Wave:
    """Paper and clothes: bright noise that flutters."""
    return _scatter(random, size, (0.05, 0.6), (0.0, 0.5), _crackle)


def whistles(random: Random, size: int) -> Wave:
    """Birds and people who whistle: high glides with a tremble."""
    return _scatter(random, size, (0.1, 0.9), (0.1, 0.8), _whistle)


def engine(random: Random, size: int) -> Wave:
    """A motor: pulses at the pitch of a voice, with a pace that drifts."""
    pace = random.uniform(25.0, 140.0) * (1.0 + 0.2 * np.sin(_phase(random.uniform(0.05, 0.4), size)))
    pulses = np.cos(np.cumsum(2 * np.pi * pace / SAMPLE_RATE)) ** 15
    rumble = coloured(random, size, lambda hertz: 1.0 / (1.0 + np.square(hertz / 300.0)))
    mixed: Wave = _even(pulses) + 0.5 * _even(rumble)
    return mixed


def siren(random: Random, size: int) -> Wave:
    """A siren that rises and falls."""
    pitch = random.uniform(500.0, 900.0) * (1.0 + 0.35 * np.sin(_phase(random.uniform(0.2, 2.0), size)))
    phase = np.cumsum(2 * np.pi * pitch / SAMPLE_RATE)
    wave: Wave = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    return wave


NOISES: dict[str, Sound] = {"silence": silence, "white": white, "pink": pink, "fan": fan}
VARIED: tuple[Sound, ...] = (
    tones, sweeps, clicks, keyboard, chords, arpeggios, drums, music,
    slams, beeps, hum, rustle, whistles, engine, siren,
)  # fmt: skip


def coloured(random: Random, size: int, gain: Callable[[Wave], Wave]) -> Wave:
    """White noise whose spectrum is multiplied by `gain` of the frequencies in Hz."""
    spectrum = np.fft.rfft(random.standard_normal(size))
    hertz = np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE).astype(np.float64)
    wave: Wave = np.fft.irfft(spectrum * gain(hertz), size)
    return wave


def harmonics(random: Random, size: int, pitch: float, count: int) -> Wave:
    """A steady tone with overtones of random strength."""
    wave = np.zeros(size)
    for number in range(1, count + 1):
        wave += random.uniform(0.2, 1.0) / number * np.sin(_phase(pitch * number, size) + random.uniform(0, 2 * np.pi))
    return wave


def _scatter(random: Random, size: int, lasting: tuple[float, float], gap: tuple[float, float], one: Sound) -> Wave:
    """Sounds of random length (seconds) with random gaps between them."""
    wave, position = np.zeros(size), 0
    while position < size:
        length = int(random.uniform(*lasting) * SAMPLE_RATE)
        piece = one(random, length)[: size - position]
        wave[position : position + piece.size] += random.uniform(0.4, 1.0) * piece
        position += length + int(random.uniform(*gap) * SAMPLE_RATE)
    return wave


def _tone(random: Random, size: int) -> Wave:
    wave: Wave = np.sin(_phase(float(np.exp(random.uniform(np.log(100.0), np.log(4000.0)))), size)) * _fade(size, 0.01)
    return wave


def _sweep(random: Random, size: int) -> Wave:
    low, high = np.exp(random.uniform(np.log(100.0), np.log(6000.0), 2)).tolist()
    wave: Wave = np.sin(np.cumsum(2 * np.pi * np.geomspace(low, high, size) / SAMPLE_RATE)) * _fade(size, 0.01)
    return wave


def _click(random: Random, size: int) -> Wave:
    return random.standard_normal(size) * _decay(size, random.uniform(0.0005, 0.004))


def _key(random: Random, size: int) -> Wave:
    wave = np.zeros(size)
    for start, strength in ((0, 1.0), (int(random.uniform(0.4, 0.7) * size), 0.5)):
        length = size - start
        ring = np.sin(_phase(random.uniform(1000.0, 4500.0), length)) * _decay(length, random.uniform(0.003, 0.01))
        thud = np.sin(_phase(random.uniform(120.0, 400.0), length)) * _decay(length, 0.012)
        wave[start:] += strength * (ring + 0.6 * thud + 0.5 * _click(random, length))
    return wave


def _chord(random: Random, size: int) -> Wave:
    root, wave = 110.0 * 2.0 ** (random.integers(0, 24) / 12), np.zeros(size)
    for step in CHORDS[random.integers(len(CHORDS))]:
        wave += harmonics(random, size, root * 2.0 ** (step / 12), count=6)
    return wave * _decay(size, random.uniform(0.3, 1.5)) * _fade(size, 0.005)


def _note(random: Random, size: int) -> Wave:
    pitch = 130.8 * 2.0 ** (random.integers(0, 3) + SCALE[random.integers(len(SCALE))] / 12)
    bend = 1.0 + random.uniform(0.0, 0.015) * np.sin(_phase(random.uniform(4.5, 7.0), size))
    phase = np.cumsum(2 * np.pi * pitch * bend / SAMPLE_RATE)
    wave: Wave = sum((np.sin(k * phase) / k ** random.uniform(0.8, 2.0) for k in range(1, 8)), np.zeros(size))
    return wave * _decay(size, random.uniform(0.1, 1.0)) * _fade(size, 0.008)


def _drum(random: Random, size: int) -> Wave:
    match random.integers(3):
        case 0:
            fall = 45.0 + random.uniform(60.0, 160.0) * _decay(size, 0.03)
            wave: Wave = 2.0 * np.sin(np.cumsum(2 * np.pi * fall / SAMPLE_RATE)) * _decay(size, 0.1)
        case 1:
            body = np.sin(_phase(random.uniform(160.0, 240.0), size))
            wave = (random.standard_normal(size) + body) * _decay(size, 0.06)
        case _:
            hiss = coloured(random, size, lambda hertz: (hertz > 5000.0).astype(np.float64))
            wave = hiss * _decay(size, random.uniform(0.02, 0.1))
    return wave


def _slam(random: Random, size: int) -> Wave:
    boom = np.sin(_phase(random.uniform(45.0, 110.0), size)) * _decay(size, random.uniform(0.05, 0.15))
    room = coloured(random, size, lambda hertz: 1.0 / (1.0 + np.square(hertz / 600.0)))
    rattle = random.standard_normal(size) * _decay(size, 0.01)
    wave: Wave = 2.0 * boom + _even(room) * _decay(size, random.uniform(0.05, 0.2)) + rattle
    return wave


def _beep(random: Random, size: int) -> Wave:
    if random.random() < 0.5:
        low, high = DTMF[0][random.integers(4)], DTMF[1][random.integers(4)]
        wave = np.sin(_phase(low, size)) + np.sin(_phase(high, size))
    else:
        wave = np.sign(np.sin(_phase(random.uniform(800.0, 3000.0), size)))
    return np.asarray(wave * _fade(size, 0.003))


def _crackle(random: Random, size: int) -> Wave:
    low = random.uniform(800.0, 3000.0)
    hiss = coloured(random, size, lambda hertz: ((hertz > low) & (hertz < 3.0 * low)).astype(np.float64))
    flutter = np.abs(coloured(random, size, lambda hertz: (hertz < 25.0).astype(np.float64)))
    return _even(hiss) * _even(flutter) * _fade(size, 0.01)


def _whistle(random: Random, size: int) -> Wave:
    low, high = random.uniform(900.0, 4000.0, 2)
    tremble = 1.0 + 0.02 * np.sin(_phase(random.uniform(4.0, 30.0), size))
    phase = np.cumsum(2 * np.pi * np.linspace(low, high, size) * tremble / SAMPLE_RATE)
    wave: Wave = np.sin(phase) * _fade(size, 0.03) + 0.02 * random.standard_normal(size)
    return wave


def _phase(hertz: float, size: int) -> Wave:
    phase: Wave = 2 * np.pi * hertz * np.arange(size) / SAMPLE_RATE
    return phase


def _decay(size: int, seconds: float) -> Wave:
    decay: Wave = np.exp(-np.arange(size) / (seconds * SAMPLE_RATE))
    return decay


def _fade(size: int, seconds: float) -> Wave:
    """Fades in and out, so that nothing clicks."""
    ramp = np.arange(1, size + 1) / (seconds * SAMPLE_RATE)
    faded: Wave = np.minimum(np.minimum(ramp, ramp[::-1]), 1.0)
    return faded


def _even(wave: Wave) -> Wave:
    """The wave at an RMS of one; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(wave)))) if wave.size else 0.0
    return wave / rms if rms > 0.0 else wave
