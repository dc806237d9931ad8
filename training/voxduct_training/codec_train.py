"""Trains the codec for a given number of minutes; resumable, one thread by default.

The pulse train runs at the measured pitch while training (teacher forcing), so harmonics of output and target lie on
each other and spectral losses say something about envelopes; the pitch head learns from its own L1. Codes start from
k-means after a warm-up without quantizer.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .codec_data import Shard, crops
from .codec_loss import SpectralLoss, mel_distance
from .codec_model import DELAY, PROFILES, Codec
from .course import Course
from .muon import Muon

FRAMES, BATCH = 64, 7
SKIP = 4  # frames at a crop's start whose past is missing


def target(audio: Tensor) -> Tensor:
    return torch.nn.functional.pad(audio, (DELAY, 0))[:, :, : audio.shape[2]]


def losses(
    codec: Codec, spectral: SpectralLoss, batch: tuple[Tensor, Tensor, Tensor], quantize: bool, restart: bool
) -> dict[str, Tensor]:
    audio, pitch, voiced = batch
    latents, _ = codec.encoder(audio, codec.zeros(codec.encoder.state_shapes, len(audio)))
    cost = latents.new_zeros(())
    if quantize:
        keep = torch.where(torch.rand(len(audio)) < 0.25, torch.randint(1, 4, (len(audio),)), 4)
        latents, cost = codec.quantizer(latents, keep, restart)
    decoder, zeros = codec.decoder, codec.zeros(codec.decoder.state_shapes, len(audio))
    depth = len(decoder.stack.blocks)
    loud, hiss, guess, _ = decoder.steer(latents, zeros[:depth])
    made, _ = decoder.sound(loud, hiss, pitch, zeros[depth:])
    cut = SKIP * 320
    mel, linear = spectral(made[:, 0, cut:], target(audio)[:, 0, cut:])
    weight = voiced + 0.03
    error = (guess - pitch).abs()[:, 2 * SKIP :]
    weight = weight[:, 2 * SKIP :]
    # Pulses have no business where nothing is voiced; a spectral loss alone would let them replace hiss.
    buzz = (loud.mean(2) - hiss.mean(2) + 1.5).relu()[:, 2 * SKIP :] * (1 - voiced[:, 2 * SKIP :])
    return {
        "mel": mel,
        "linear": linear,
        "pitch": (error * weight).sum() / weight.sum(),
        "buzz": buzz.mean(),
        "code": cost,
    }


WEIGHTS = {"mel": 3.0, "linear": 1.0, "pitch": 4.0, "buzz": 0.05, "code": 0.25}


@torch.no_grad()
def evaluate(codec: Codec, shards: list[Shard], quantize: bool) -> str:
    """Mel distance and pitch error, free running, per shard."""
    codec.eval()
    out = []
    for shard in shards:
        audio, pitch, voiced = crops([shard], 12, 100, np.random.default_rng(0))
        latents, _ = codec.encoder(audio, codec.zeros(codec.encoder.state_shapes, 12))
        if quantize:
            latents = codec.quantizer.decode(codec.quantizer.encode(latents))
        zeros = codec.zeros(codec.decoder.state_shapes, 12)
        made = codec.decoder(latents, zeros)[0]
        guess = codec.decoder.steer(latents, zeros[: len(codec.decoder.stack.blocks)])[2]
        wrong = ((guess - pitch).abs() * 1200)[voiced > 0]
        distance = mel_distance(made[:, 0, 1600:], target(audio)[:, 0, 1600:])
        out.append(f"mel {distance:.4f} cents {wrong.median():.0f}/{wrong.mean():.0f}")
    codec.train()
    return " | ".join(out)


def optimizers(codec: Codec, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the pointwise matrices of the blocks, AdamW for everything else."""
    matrices = [p for n, p in codec.named_parameters() if ".stack.blocks." in n and p.ndim == 2]
    taken = {id(p) for p in matrices}
    rest = [p for p in codec.parameters() if id(p) not in taken]
    return [Muon([{"params": matrices}], rate), torch.optim.AdamW(rest, rate, betas=(0.9, 0.98), weight_decay=0.01)]


def train(codec: Codec, shards: list[Shard], held: list[Shard], path: Path, minutes: float, rate: float) -> None:
    spectral, mean = SpectralLoss(), dict[str, float]()
    course = Course(path, codec, optimizers(codec, rate), minutes, name="codec", saved_s=120)
    quantize = course.extras.setdefault("quantize", False)
    rng = np.random.default_rng(course.step)
    for part in course.steps():
        course.set_rate(rate * min(1.0, course.step / 100) * (0.5 + 0.5 * math.cos(math.pi * part) + 0.01))
        batch = crops(shards, BATCH, FRAMES, rng)
        if not quantize and part > 0.06:
            many = crops(shards, 96, FRAMES, rng)[0]
            with torch.no_grad():
                codec.quantizer.start(codec.encoder(many, codec.zeros(codec.encoder.state_shapes, 96))[0])
            quantize = course.extras["quantize"] = True
        parts = losses(codec, spectral, batch, quantize, restart=part < 0.8)
        course.descend(sum((WEIGHTS[k] * v for k, v in parts.items()), torch.zeros(())))
        mean = {k: 0.97 * mean.get(k, v.item()) + 0.03 * v.item() for k, v in parts.items()}
        if course.is_due("show"):
            seen, text = course.step * BATCH * FRAMES / 50, " ".join(f"{k} {v:.3f}" for k, v in mean.items())
            pace = f"{seen / 3600:.2f} h {seen / course.spent:.0f}x"
            print(f"{course.spent / 60:.1f} min step {course.step} {pace} {text}", flush=True)
        if course.is_due("save"):
            if course.step % 4 == 0:
                print("  held out:", evaluate(codec, held, quantize), flush=True)
            course.save()
    print("  held out:", evaluate(codec, held, quantize), flush=True)
    course.save()


def split(shard: Shard) -> tuple[Shard, Shard]:
    """The last twentieth of a shard is held out."""
    at = int(len(shard.pitch) * 0.95)
    return (
        Shard(shard.audio, shard.pitch[:at], shard.voiced[:at], shard.weight),
        Shard(shard.audio[at * 160 :], shard.pitch[at:], shard.voiced[at:], 1.0),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--shard", nargs=2, action="append", metavar=("FOLDER", "WEIGHT"), required=True)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    pairs = [split(Shard.load(Path(folder), float(weight))) for folder, weight in given.shard]
    codec = Codec(*PROFILES[given.profile])
    train(codec, [a for a, _ in pairs], [b for _, b in pairs], given.checkpoint, given.minutes, given.rate)


if __name__ == "__main__":
    main()
