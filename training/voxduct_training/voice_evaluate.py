"""Speaks held-out sentences and hard items with the exported voice and writes WAV files, texts and durations.

A listener (any recogniser) reads the folder afterwards; `--check` compares durations with what flite gives the same
text, which finds runaways and truncations without any recogniser.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import time
from pathlib import Path

import numpy as np
import soundfile as sf

from . import voice_texts
from .voice_generate import Sampling, Speech, Stateful

HARD = (
    "Yes.|No.|Stop!|Hello.|Thank you.|Good morning.|Go on.|Help me.|Nineteen eighty four.|Two hundred and seven.|"
    "One two three four five six seven eight nine ten.|Three thousand four hundred fifty six.|Zero point five.|"
    "No no no no no.|The the the the cat.|Very very very good.|Ha ha ha.|Row row row your boat.|"
    "Seven seven seven seven.|He said that that that was wrong."
).split("|")


def held_out(data: Path, count: int, seed: int = 11) -> list[str]:
    pool = [c for c in voice_texts.clauses(data) if voice_texts.is_held_out(c) and 4 <= len(c.split()) <= 16]
    return random.Random(seed).sample(pool, count)


def phones_of(text: str) -> tuple[list[str], float]:
    """flite's phones and its duration of a text."""
    done = subprocess.run(
        ["flite", "-voice", "slt", "-psdur", "-t", " " + text, "-o", "none"], capture_output=True, text=True
    )
    pairs = [p.rsplit(":", 1) for p in done.stdout.split()]
    return [p for p, _ in pairs], float(pairs[-1][1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", type=Path)
    parser.add_argument("codec", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOXDUCT_DATA", "../shared/data")))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--voices", default="ada")
    parser.add_argument("--temperatures", type=float, nargs=4, default=Sampling().temperatures, help="per book")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--spread", type=float, default=0.0, help="of the thresholds of phones")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    speech, decoder = Speech(given.voice), Stateful(given.codec / "onnx/decoder.onnx")
    how = Sampling(tuple(given.temperatures), advance_threshold=given.threshold, advance_spread=given.spread)
    texts = held_out(given.data, given.count) + (list(HARD) if given.hard else [])
    lines = []
    for number, text in enumerate(texts):
        names, reference = phones_of(text)
        ids = [speech.ids.get(n, speech.ids["pau"]) for n in names[:-1]] + [speech.ids["."]]
        for name in given.voices.split(","):
            decoder.reset()
            begun = time.monotonic()
            codes = list(speech.frames(ids, speech.voice(name), how, seed=number))
            spoken = time.monotonic() - begun
            audio = decoder(np.stack(codes, 1)[None])[0, 0]
            path = given.out / f"{number:03d}_{name}.wav"
            sf.write(path, audio, 16000)
            seconds = len(audio) / 16000
            lines.append({"wav": path.name, "text": text, "seconds": seconds, "flite": reference, "compute": spoken})
    (given.out / "texts.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines), encoding="utf-8")
    ratio = np.array([x["seconds"] / x["flite"] for x in lines])
    factor = sum(x["compute"] for x in lines) / sum(x["seconds"] for x in lines)
    print(
        f"{len(lines)} clips, length against flite {ratio.min():.2f}..{np.median(ratio):.2f}..{ratio.max():.2f}, "
        f"lm {factor:.2f} RTF"
    )


if __name__ == "__main__":
    main()
