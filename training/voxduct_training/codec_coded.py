"""Speech beside its codes: what the codec's refiner learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .codec_data import Shard
from .codec_dsp import FRAME
from .codec_shipped import ShippedCodec

STRIPS, BLOCK = 32, 250  # strips of a shard that are encoded side by side, frames at a time
GAINS = (0.35, 1.3)
OWN_PITCH = 0.3  # share of strips whose pitch is the codec's own guess, as it is for a listener at the other end


@dataclass
class Coded:
    """Strips of equal length, each at its own loudness, and their codes."""

    audio: np.ndarray  # int16 [STRIPS, N * FRAME]
    gains: np.ndarray  # [STRIPS]
    codes: np.ndarray  # int16 [STRIPS, BOOKS, N]
    weight: float

    @property
    def frames(self) -> int:
        """Frames of a strip."""
        return int(self.codes.shape[2])

    def split(self, share: float = 0.05) -> tuple[Coded, Coded]:
        """The end of every strip is held out."""
        at = int(self.frames * (1 - share))
        first = Coded(self.audio[:, : at * FRAME], self.gains, self.codes[:, :, :at], self.weight)
        return first, Coded(self.audio[:, at * FRAME :], self.gains, self.codes[:, :, at:], 1.0)


def encode(codec: ShippedCodec, shard: Shard, rng: np.random.Generator) -> Coded:
    """A whole shard."""
    frames = min(len(shard.audio) // FRAME, len(shard.pitch) // 2) // STRIPS
    audio = np.asarray(shard.audio[: STRIPS * frames * FRAME]).reshape(STRIPS, -1)
    pitch = shard.pitch[: STRIPS * frames * 2].reshape(STRIPS, -1).copy()
    pitch[rng.random(STRIPS) < OWN_PITCH] = np.nan
    gains = rng.uniform(*GAINS, STRIPS).astype(np.float32)
    loud = audio[:, None] * (gains[:, None, None] / 32768)
    codes, states = [], None
    for begin in range(0, frames, BLOCK):
        end = min(begin + BLOCK, frames)
        part = loud[:, :, begin * FRAME : end * FRAME]
        vectors, states = codec.analyse_on(part, pitch[:, 2 * begin : 2 * end], states)
        codes.append(np.stack([codec.quantise(v) for v in vectors]))
    return Coded(audio, gains, np.concatenate(codes, 2), shard.weight)


def coded(codec: ShippedCodec, folder: Path, weight: float) -> Coded:
    """A folder's speech, encoded once and kept there."""
    kept = folder / "coded.npz"
    if kept.exists():
        found = np.load(kept)
        return Coded(found["audio"], found["gains"], found["codes"], weight)
    made = encode(codec, Shard.load(folder, weight), np.random.default_rng(0))
    np.savez(kept, audio=made.audio, gains=made.gains, codes=made.codes)
    return made


def crops(parts: list[Coded], batch: int, frames: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Audio [B, 1, frames * FRAME] and codes [B, BOOKS, frames]."""
    weights = np.array([part.weight for part in parts])
    sound, codes = [], []
    for _ in range(batch):
        part = parts[rng.choice(len(parts), p=weights / weights.sum())]
        strip, begin = int(rng.integers(len(part.codes))), int(rng.integers(part.frames - frames))
        sound.append(part.audio[strip, begin * FRAME : (begin + frames) * FRAME] * (part.gains[strip] / 32768))
        codes.append(part.codes[strip, :, begin : begin + frames])
    return torch.from_numpy(np.stack(sound))[:, None].float(), torch.from_numpy(np.stack(codes)).long()
