"""Audio for the codec: shards of int16 samples (flite, espeak-ng, the neural voice), and crops drawn from them."""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from scipy.signal import resample_poly
from torch import Tensor

from . import codec_pitch, voice_texts
from .codec_dsp import FRAME, HOP, RATE

ESPEAK = ("en-us", "en-gb", "en-us+f2", "en-us+f4", "en-us+m3", "en-us+m7", "en-gb-x-rp+f3", "en-us+klatt2")


def write_clips(folder: Path, clips: list[tuple[str, np.ndarray]]) -> None:
    """[(text, float audio)] -> audio.i16 + index.jsonl, every clip at the same peak."""
    folder.mkdir(parents=True, exist_ok=True)
    at = 0
    with open(folder / "audio.i16", "wb") as sound, open(folder / "index.jsonl", "w", encoding="utf-8") as index:
        for text, audio in clips:
            audio = audio * (0.6 / (np.abs(audio).max() + 1e-6))
            sound.write((audio * 32767).astype(np.int16).tobytes())
            index.write(json.dumps({"text": text, "at": at, "samples": len(audio)}) + "\n")
            at += len(audio)


def neural(data: Path) -> list[tuple[str, np.ndarray]]:
    folder = data / "speech" / "neural"
    lines = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    clips = []
    for name, text in (line.split("\t", 1) for line in lines):
        if not voice_texts.is_held_out(text):
            clips.append((text, sf.read(folder / f"{name}.opus", dtype="float32")[0]))
    return clips


def espeak(data: Path, hours: float, seed: int = 3) -> list[tuple[str, np.ndarray]]:
    rng = random.Random(seed)
    pool = [c for c in voice_texts.clauses(data) if not voice_texts.is_held_out(c)]
    clips, total = [], 0
    while total < hours * 3600 * RATE:
        text = rng.choice(pool)
        command = ["espeak-ng", "-v", rng.choice(ESPEAK), "-p", str(rng.randint(25, 75)), "--stdout", text]
        sound = subprocess.run(command, capture_output=True).stdout
        audio = np.frombuffer(sound[44:], np.int16).astype(np.float32) / 32768
        if len(audio) > RATE // 2:
            clips.append((text, resample_poly(audio, 320, 441).astype(np.float32)))
            total += len(clips[-1][1])
    return clips


@dataclass
class Shard:
    audio: np.ndarray
    pitch: np.ndarray
    voiced: np.ndarray
    weight: float

    @classmethod
    def load(cls, folder: Path, weight: float) -> Shard:
        found = np.load(folder / "pitch.npz")
        return cls(np.memmap(folder / "audio.i16", np.int16, "r"), found["pitch"], found["voiced"], weight)


def crops(shards: list[Shard], batch: int, frames: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Audio [B, 1, frames*320], pitch and voicing [B, 2*frames] whose entry j belongs to sample 160 j."""
    weights = np.array([s.weight for s in shards])
    sound = np.zeros((batch, 1, frames * FRAME), np.float32)
    pitch, voiced = np.zeros((2, batch, 2 * frames), np.float32)
    for row in range(batch):
        shard = shards[rng.choice(len(shards), p=weights / weights.sum())]
        begin = int(rng.integers(len(shard.pitch) - 2 * frames))
        sound[row, 0] = shard.audio[begin * HOP : begin * HOP + frames * FRAME] / 32768 * rng.uniform(0.4, 1.2)
        pitch[row] = shard.pitch[begin : begin + 2 * frames]
        voiced[row] = shard.voiced[begin : begin + 2 * frames]
    return torch.from_numpy(sound), torch.from_numpy(pitch), torch.from_numpy(voiced)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["neural", "espeak", "pitch"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOXDUCT_DATA", "../shared/data")))
    parser.add_argument("--hours", type=float, default=0.7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.kind == "neural":
        write_clips(given.folder, neural(given.data))
    elif given.kind == "espeak":
        write_clips(given.folder, espeak(given.data, given.hours))
    codec_pitch.write(given.folder, given.hours if given.kind == "pitch" else 99.0)


if __name__ == "__main__":
    main()
