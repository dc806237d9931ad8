"""Books and levels of the shipped codec, from the trained analysis network: k-means, then a gain measured per band."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import codec_dsp as dsp
from .codec_data import Shard, crops
from .codec_loss import mel_distance
from .codec_model import DELAY, MELS, PROFILES
from .codec_vector import VectorCodec


def log_mel(audio: Tensor, count: int) -> Tensor:
    """[B, 1, T] -> [B, count, MELS] log power on the analysis grid."""
    window = torch.hann_window(512)
    power = torch.stft(audio[:, 0], 512, dsp.HOP, window=window, return_complex=True).abs().square()
    bands = torch.tensor(dsp.mel_bands(MELS, 512), dtype=torch.float32)
    return (bands @ power[:, :, :count] + 1e-4).log().transpose(1, 2)


@torch.no_grad()
def calibrate(codec: VectorCodec, x: Tensor, wanted: Tensor, voiced: Tensor, rounds: int = 4) -> None:
    """Moves the gains of pulses and noise until the average log-mel of output and target agree."""
    count = 2 * x.shape[1]
    goal = log_mel(wanted, count)
    where = torch.nn.functional.pad(voiced, (2, 0))[:, :count, None] > 0
    # Excitations are flat, so one number per source is enough; bands near the floor say nothing about gain.
    strong = goal > goal.amax(2, keepdim=True).clamp(min=0.0) - 4.0
    for _ in range(rounds):
        error = goal - log_mel(codec.synthesise(x), count)
        for row, mask in enumerate((where & strong, ~where & strong)):
            codec.synthesis.level[row] += 0.5 * error[mask].median()
    print("levels", codec.synthesis.level[:, 0].tolist(), flush=True)


@torch.no_grad()
def fit(codec: VectorCodec, shards: list[Shard], groups: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(groups):
        audio, pitch, _ = crops(shards, 16, 100, rng)
        parts.append(codec.analyse(audio, pitch)[:, 4:].reshape(-1, codec.books.codes.shape[2]))
    codec.synthesis.level.zero_()
    print("left after each book:", [f"{v:.3f}" for v in codec.books.learn(torch.cat(parts))], flush=True)
    audio, pitch, voiced = crops(shards[:1], 16, 150, rng)
    x = codec.analyse(audio, pitch)
    wanted = torch.nn.functional.pad(audio, (DELAY, 0))[:, :, : audio.shape[2]]
    calibrate(codec, x, wanted, voiced)
    whole = mel_distance(codec.synthesise(x)[:, 0, 3200:], wanted[:, 0, 3200:])
    coded = mel_distance(codec.synthesise(codec.books.decode(codec.books.encode(x)))[:, 0, 3200:], wanted[:, 0, 3200:])
    print(f"mel distance {whole:.4f} unquantised, {coded:.4f} quantised", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path, help="what codec_train wrote")
    parser.add_argument("out", type=Path)
    parser.add_argument("--shard", nargs=2, action="append", metavar=("FOLDER", "WEIGHT"), required=True)
    parser.add_argument("--groups", type=int, default=30, help="batches of 32 s that k-means sees")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    codec = VectorCodec(given.profile)
    codec.analyser.net.load_state_dict(torch.load(given.network, weights_only=True)["codec"])
    fit(codec.eval(), [Shard.load(Path(folder), float(weight)) for folder, weight in given.shard], given.groups)
    torch.save({"codec": codec.state_dict()}, given.out)


if __name__ == "__main__":
    main()
