"""Sounds that are not speech, for the continuation: tones, scales, melodies and rhythms, one line of music at a time.

The codec is a pulse train and noise through a filter, so that it renders one pitched voice of 60 to 400 Hz and drums,
not harmony: what is made here stays within that. Chords are made as well; the codec hears their loudest voice.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

RATE = 16000
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
LOW, HIGH = 80.0, 380.0  # Hz, inside what the codec's pitch tracker follows

Sound = np.ndarray  # float64 [n]


def tone(hertz: np.ndarray, rng: np.random.Generator, brightness: float) -> Sound:
    """A harmonic sound whose pitch is given at every sample."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    loudness = np.array([1.0 / (k + 1) ** brightness for k in range(12)]) * rng.uniform(0.5, 1.0, 12)
    sound: Sound = np.sum([a * np.sin((k + 1) * phase) for k, a in enumerate(loudness)], axis=0)
    return sound / np.abs(loudness).sum()


def envelope(count: int, attack_s: float, decay_s: float) -> Sound:
    """How a struck or blown note swells and dies away; the last 10 ms fade out."""
    time = np.arange(count) / RATE
    fade = np.minimum(1.0, (count - np.arange(count)) / 160)
    return np.minimum(1.0, time / attack_s) * np.exp(-time / decay_s) * fade


def steady(seconds: float, rng: np.random.Generator) -> Sound:
    """One note, straight, trembling or gliding."""
    time = np.arange(int(seconds * RATE)) / RATE
    hertz = np.exp(rng.uniform(np.log(LOW), np.log(HIGH))) * np.ones_like(time)
    kind = rng.integers(3)
    if kind == 1:
        hertz = hertz * (1 + rng.uniform(0.005, 0.04) * np.sin(2 * np.pi * rng.uniform(3, 7) * time))
    if kind == 2:
        hertz = np.clip(hertz * 2 ** (0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 0.6) * time)), LOW, HIGH)
    return tone(hertz, rng, rng.uniform(0.5, 2.0))


def melody(seconds: float, rng: np.random.Generator, voices: int = 1) -> Sound:
    """A phrase of a few notes, said again and again with small changes, on an even beat."""
    scale, root = SCALES[rng.integers(len(SCALES))], rng.uniform(85, 140)
    beat = int(rng.uniform(0.15, 0.45) * RATE)
    phrase = [int(n) for n in rng.integers(0, 9, int(rng.integers(3, 9)))]
    attack, decay, bright = rng.uniform(0.005, 0.05), rng.uniform(0.15, 1.5), rng.uniform(0.5, 2.0)
    out = np.zeros(int(seconds * RATE))
    for number, at in enumerate(range(0, len(out) - beat, beat)):
        if rng.random() < 0.08:
            phrase[number % len(phrase)] = int(rng.integers(0, 9))
        for voice in range(voices):
            step = phrase[number % len(phrase)] + 2 * voice
            hertz = root * 2 ** ((scale[step % len(scale)] + 12 * (step // len(scale))) / 12)
            if hertz <= HIGH:
                out[at : at + beat] += tone(np.full(beat, hertz), rng, bright) * envelope(beat, attack, decay)
    return out


def rhythm(seconds: float, rng: np.random.Generator) -> Sound:
    """A bar of drum strokes, repeated: noise bursts and low thuds."""
    beat = int(rng.uniform(0.1, 0.25) * RATE)
    bar = rng.integers(0, 3, int(rng.choice([4, 6, 8])))  # nothing, noise, thud
    bar[0] = 2
    out, time = np.zeros(int(seconds * RATE)), np.arange(beat) / RATE
    for number, at in enumerate(range(0, len(out) - beat, beat)):
        match bar[number % len(bar)]:
            case 1:
                out[at : at + beat] += rng.standard_normal(beat) * 0.3 * np.exp(-time / 0.03)
            case 2:
                out[at : at + beat] += np.sin(2 * np.pi * (70 + 90 * np.exp(-time / 0.02)) * time) * np.exp(
                    -time / 0.08
                )
    return out


def sound(rng: np.random.Generator, seconds: float) -> tuple[str, Sound]:
    """Some sound and its kind, peak 0.6."""
    kind = ("tone", "melody", "melody", "chords", "rhythm")[rng.integers(5)]
    match kind:
        case "tone":
            made = steady(seconds, rng)
        case "rhythm":
            made = rhythm(seconds, rng)
        case _:
            made = melody(seconds, rng, voices=3 if kind == "chords" else 1)
    return kind, 0.6 * made / (np.abs(made).max() + 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each")
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(given.seed)
    with open(given.out / "audio.i16", "wb") as audio, open(given.out / "index.jsonl", "w", encoding="utf-8") as index:
        for number in range(max(4, int(given.hours * 3600 / given.seconds))):
            kind, made = sound(rng, given.seconds)
            pcm = (made * 32767).astype(np.int16)
            line = {
                "text": f"{kind} {number}",
                "speaker": f"sound{number}",
                "at": audio.tell() // 2,
                "samples": len(pcm),
            }
            audio.write(pcm.tobytes())
            index.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
