"""Speaks the demo's clips: held-out sentences in held-out voices, with the second at which each word ends.

    python benchmarks/make_demo_clips.py            writes benchmarks/data/demo

Neither these sentences nor these voices are in the recogniser's training data; the script refuses any that are.
espeak-ng and flite must be installed; the package `voxduct_training` does the speaking.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import soundfile

from voxduct_training.synthesiser import RATE, Voice, draw_voice, synthesise
from voxduct_training.texts import split_of

FOLDER = Path(__file__).parent / "data" / "demo"
SENTENCES = (
    "how far is it from the airport to the school",
    "there is a large tree in the dining room",
    "we have to pick up the kids before five past nine",
    "my birthday is on the eighth of july",
    "will it rain in paris this weekend",
    "remind me to take out the trash at one fifty",
    "this was on a thursday evening",
    "my brother and mary are going to the hospital today",
    "play some music in the kitchen",
    "it happened in december nineteen eighty eight",
)
ENGINES = ("flite", "espeak")
UNKNOWN = "-"  # espeak-ng runs some short words together and says where neither ends
LEAD_S, TRAIL_S = 0.15, 0.25  # silence around the speech


def held_out_voice(engine: str, rng: random.Random) -> Voice:
    """A voice of the test's part of the grid, without the formant warp."""
    while True:
        voice = draw_voice(rng, held_out=True)
        if voice.engine == engine and voice.warp == 100:
            return voice


def speak(text: str, voice: Voice) -> tuple[np.ndarray, list[str]]:
    """Samples at RATE, and where each word ends, in seconds."""
    speech = synthesise(text, voice)
    ends = {count: at / RATE for count, at in speech.cuts}
    words = len(text.split())
    ends[words] = (len(speech.samples) - 960) / RATE  # the synthesiser keeps 960 samples after the last sound
    lead, trail = (np.zeros(round(RATE * seconds), np.float32) for seconds in (LEAD_S, TRAIL_S))
    return np.concatenate([lead, speech.samples, trail]), [
        f"{LEAD_S + ends[n]:.2f}" if n in ends else UNKNOWN for n in range(1, words + 1)
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(2026)
    lines = []
    for number, text in enumerate(SENTENCES):
        if split_of(text) != "test":
            raise SystemExit(f"{text!r} is in the training's part of the texts")
        samples, ends = speak(text, held_out_voice(ENGINES[number % len(ENGINES)], rng))
        name = f"demo-{number:02d}"
        soundfile.write(folder / f"{name}.opus", samples, RATE, format="OGG", subtype="OPUS")
        lines.append(f"{name}\t{text}\t{' '.join(ends)}\n")
    (folder / "transcripts.tsv").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
