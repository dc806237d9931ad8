"""Sound -> code frames (50 Hz) and the recogniser's view of it (25 Hz), clip by clip; then tokens, and training rows.

Code frame n lies around sample 320 n - 80, encoder frame n around 320 n + 160: the first code frame is dropped, so that
token j belongs to code frames 2j and 2j + 1.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from voxduct.onnx.semantic import Clusters, SemanticEncoder

from .code_lm_data import LEAD, TAIL, encode
from .code_lm_train import hash_share
from .codec_dsp import HOP
from .codec_shipped import ShippedCodec

RATE = 16000
BLOCK, QUIET = 160, 0.004  # samples judged at once, and the peak below which they are silence
OWN_PITCH = 4  # of so many clips one keeps the pitch that the codec's network hears, as prompts will have it
FRAMES_PER_TOKEN = 2


@dataclass
class Clip:
    speaker: str
    text: str
    codes: np.ndarray  # [4, N] int16, N even
    features: np.ndarray  # [N / 2, width] float16, of the semantic encoder
    phones: list[tuple[str, int]]  # with their ends in samples of the clip; empty where nobody knows


def bounds(audio: np.ndarray) -> tuple[int, int]:
    """[begin, end) of a clip without most of the silence at its ends."""
    blocks = np.abs(audio[: len(audio) // BLOCK * BLOCK].reshape(-1, BLOCK)).max(1) > QUIET * 32768
    loud = np.flatnonzero(blocks)
    if not len(loud):
        return 0, 0
    return max(0, int(loud[0]) * BLOCK - LEAD), min(len(audio), (int(loud[-1]) + 1) * BLOCK + TAIL)


def read_lines(folder: Path) -> list[dict]:
    """Finished lines only: another process may still be writing."""
    size = (folder / "audio.i16").stat().st_size // 2
    lines = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [line for line in found if line["at"] + line["samples"] <= size]


def prepare(codec: ShippedCodec, encoder: SemanticEncoder, folder: Path, speaker: str, hours: float) -> list[Clip]:
    audio = np.memmap(folder / "audio.i16", np.int16, "r")
    track = np.load(folder / "pitch.npz")["pitch"]
    lines = [x for x in read_lines(folder) if x["at"] + x["samples"] <= hours * 3600 * RATE]
    lines.sort(key=lambda x: x["samples"])
    made = []
    for first in range(0, len(lines), 16):
        group, sounds, pitches = [], [], []
        for number, line in enumerate(lines[first : first + 16]):
            begin, end = bounds(audio[line["at"] : line["at"] + line["samples"]])
            if end - begin < RATE // 2:
                continue
            group.append((line, begin))
            sounds.append(np.asarray(audio[line["at"] + begin : line["at"] + end]))
            at, count = (line["at"] + begin) // HOP, (end - begin) // HOP + 2
            own = number % OWN_PITCH == OWN_PITCH - 1
            pitches.append(np.full(count, np.nan, np.float32) if own else track[at : at + count])
        if not group:
            continue
        for (line, begin), sound, codes in zip(group, sounds, encode(codec, sounds, pitches, 1.0), strict=True):
            features = encoder.features(sound.astype(np.float32) / 32768)
            codes = codes[:, 1:][:, : FRAMES_PER_TOKEN * len(features)]
            features = features[: codes.shape[1] // FRAMES_PER_TOKEN]
            codes = codes[:, : FRAMES_PER_TOKEN * len(features)]
            phones = [(phone, end - begin) for phone, end in line.get("phones", ())]
            made.append(Clip(line.get("speaker", speaker), line["text"], codes, features.astype(np.float16), phones))
    return made


def load(paths: list[Path]) -> list[Clip]:
    return [Clip(*parts) for path in paths for parts in torch.load(path, weights_only=False)]


@dataclass
class Stream:
    """A clip once its tokens are known."""

    speaker: str
    codes: np.ndarray  # [4, N]
    tokens: np.ndarray  # [N / 2]


def streams(clips: list[Clip], clusters: Clusters) -> tuple[list[Stream], list[Stream]]:
    """Those to train on and those held out, by text."""
    parts: tuple[list[Stream], list[Stream]] = ([], [])
    for clip in clips:
        tokens = clusters.nearest(clip.features.astype(np.float32)).astype(np.int16)
        parts[hash_share(clip.text)].append(Stream(clip.speaker, clip.codes, tokens))
    return parts


def group_of(speaker: str) -> str:
    """Clips of one group share its weight evenly by speaker."""
    for start in ("sound", "x"):
        if speaker.startswith(start) and speaker[len(start) :].isdigit():
            return start
    return speaker


class Rows:
    """Stretches of one speaker: a clip from somewhere in its middle, and further ones until the row is full."""

    def __init__(self, found: list[Stream], weights: dict[str, float], seed: int) -> None:
        self.pools: dict[str, list[Stream]] = defaultdict(list)
        for stream in found:
            self.pools[stream.speaker].append(stream)
        groups: dict[str, list[str]] = defaultdict(list)
        for speaker in self.pools:
            groups[group_of(speaker)].append(speaker)
        self.speakers = list(self.pools)
        size = {s: len(groups[group_of(s)]) for s in self.speakers}
        share = np.array([weights.get(group_of(s), weights["*"]) / size[s] for s in self.speakers])
        self.share, self.rng = share / share.sum(), np.random.default_rng(seed)

    def row(self, tokens: int) -> tuple[np.ndarray, np.ndarray, list[Stream]]:
        """Codes [4, 2 tokens], tokens [tokens], and the speaker's other clips."""
        pool = self.pools[self.speakers[self.rng.choice(len(self.speakers), p=self.share)]]
        first = pool[self.rng.integers(len(pool))]
        spare = len(first.tokens) - (tokens if len(pool) == 1 else 8)
        begin = int(self.rng.integers(0, max(1, spare)))
        pieces = [(first.codes[:, FRAMES_PER_TOKEN * begin :], first.tokens[begin:])]
        while sum(len(t) for _, t in pieces) < tokens:
            one = pool[self.rng.integers(len(pool))]
            pieces.append((one.codes, one.tokens))
        codes = np.concatenate([c for c, _ in pieces], 1)[:, : FRAMES_PER_TOKEN * tokens]
        return codes.astype(np.int64), np.concatenate([t for _, t in pieces])[:tokens].astype(np.int64), pool

    def reference(self, pool: list[Stream], size: int) -> np.ndarray:
        """Codes [4, size] of anything that a speaker said."""
        one = pool[self.rng.integers(len(pool))].codes
        while one.shape[1] < size:
            one = np.concatenate([one, pool[self.rng.integers(len(pool))].codes], 1)
        begin = int(self.rng.integers(0, one.shape[1] - size + 1))
        return one[:, begin : begin + size].astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codec", type=Path, help="an exported codec folder")
    parser.add_argument("encoder", type=Path, help="the semantic encoder's graph")
    parser.add_argument("folder", type=Path, help="audio.i16, index.jsonl, pitch.npz")
    parser.add_argument("out", type=Path)
    parser.add_argument("--speaker", default="", help="where the index names none")
    parser.add_argument("--hours", type=float, default=99)
    given = parser.parse_args()
    torch.set_num_threads(1)
    made = prepare(ShippedCodec(given.codec), SemanticEncoder(given.encoder), given.folder, given.speaker, given.hours)
    torch.save([(c.speaker, c.text, c.codes, c.features, c.phones) for c in made], given.out)
    print(f"{given.out.name}: {len(made)} clips, {sum(c.codes.shape[1] for c in made) / 50 / 3600:.2f} h")


if __name__ == "__main__":
    main()
