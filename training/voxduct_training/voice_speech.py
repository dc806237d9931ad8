"""Speech with phone end times, made by flite: 16 kHz int16 in one file, one JSON line per utterance beside it.

`flite -psdur` prints every phone with its end time while it writes the sound, so the alignment that a phoneme
pointer needs (VALL-E R; delayed-streams modelling) costs nothing. Warping by resampling moves pitch and formants
together and makes further speakers out of three voices; `duration_stretch` gives the tempo back.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

from . import voice_texts

RATE = 16000


@dataclass(frozen=True)
class Speaker:
    name: str
    flite: str
    warp: int = 100  # per cent; above 100 is a smaller head: higher pitch, higher formants
    pitch: int = 0  # Hz before warping, 0 keeps the voice's own; flite honours it for slt only
    stretch: float = 1.0
    weight: float = 1.0


SHIPPED = (
    Speaker("ada", "slt", weight=6),
    Speaker("ben", "rms", stretch=0.92, weight=4),
    Speaker("angus", "awb", weight=3),
    Speaker("mila", "slt", warp=117, pitch=190, weight=3),
    Speaker("otto", "rms", warp=87, stretch=0.95, weight=3),
)


def extra_speakers(count: int = 24, weight: float = 4.0) -> tuple[Speaker, ...]:
    """Warped passers-by: the more there are, the less a prompt can be answered with a memorised voice.

    `weight` is what all of them weigh together; the shipped voices together weigh 19.
    """
    rng = random.Random(7)
    made = []
    for number in range(count):
        flite = rng.choice(["slt", "slt", "rms", "awb"])
        made.append(
            Speaker(
                f"x{number:02d}",
                flite,
                warp=rng.choice([84, 88, 92, 95, 105, 108, 112, 120]),
                pitch=rng.randint(130, 215) if flite == "slt" else 0,
                stretch=rng.uniform(0.88, 1.1),
                weight=weight / count,
            )
        )
    return tuple(made)


def speak(text: str, speaker: Speaker) -> tuple[np.ndarray, list[tuple[str, int]]] | None:
    """Audio in [-1, 1] and (phone, end sample) pairs, or None when flite says nothing."""
    warp = speaker.warp / 100
    handle, path = tempfile.mkstemp(suffix=".wav")
    os.close(handle)
    command = ["flite", "-voice", speaker.flite, "--setf", f"duration_stretch={speaker.stretch * warp:.3f}"]
    if speaker.pitch:
        command += ["--seti", f"int_f0_target_mean={speaker.pitch}"]
    done = subprocess.run([*command, "-psdur", "-t", " " + text, "-o", path], capture_output=True, text=True)
    try:
        audio, rate = sf.read(path, dtype="float32")
    except RuntimeError:
        return None
    finally:
        os.unlink(path)
    pairs = [p.rsplit(":", 1) for p in done.stdout.split()]
    if not pairs or rate != RATE or len(audio) < 3200:
        return None
    if speaker.warp != 100:
        audio = resample_poly(audio, 100, speaker.warp).astype(np.float32)
    return audio, [(phone, int(float(end) * RATE / warp)) for phone, end in pairs]


def _job(job: tuple[str, Speaker]) -> tuple[str, str, np.ndarray, list[tuple[str, int]]] | None:
    text, speaker = job
    made = speak(text, speaker)
    if made is None or len(made[0]) > 14 * RATE:
        return None
    audio, phones = made
    audio = audio * (0.6 / (np.abs(audio).max() + 1e-6))
    return text, speaker.name, (audio * 32767).astype(np.int16), phones


def jobs(data: Path, seed: int, extras: tuple[Speaker, ...]) -> list[tuple[str, Speaker]]:
    rng = random.Random(seed)
    pool = [c for c in voice_texts.clauses(data) if not voice_texts.is_held_out(c)]
    words = voice_texts.vocabulary(pool)
    speakers = SHIPPED + extras
    chosen = rng.choices(speakers, [s.weight for s in speakers], k=40000)
    texts = (voice_texts.sample(pool, words, rng) for _ in chosen)
    return [(t, s) for t, s in zip(texts, chosen, strict=True) if not voice_texts.is_held_out(t)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOXDUCT_DATA", "../shared/data")))
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--extras", type=int, default=24, help="warped speakers besides the shipped ones")
    parser.add_argument("--extras-weight", type=float, default=4.0, help="see extra_speakers")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    at, limit = 0, int(given.hours * 3600 * RATE)
    wanted = jobs(given.data, given.seed, extra_speakers(given.extras, given.extras_weight))
    with (
        open(given.out / "audio.i16", "wb") as audio_file,
        open(given.out / "index.jsonl", "w", encoding="utf-8") as index_file,
        Pool(given.processes) as pool,
    ):
        for made in pool.imap(_job, wanted, chunksize=8):
            if made is None:
                continue
            text, speaker, audio, phones = made
            audio_file.write(audio.tobytes())
            line = {"text": text, "speaker": speaker, "at": at, "samples": len(audio), "phones": phones}
            index_file.write(json.dumps(line) + "\n")
            at += len(audio)
            if at >= limit:
                pool.terminate()
                break


if __name__ == "__main__":
    main()
