"""Trains the decoder's refiner on the codes of a finished codec; resumable, one thread by default.

Books, pitch and everything else stay, so models of codes need not learn anew. Spectral losses first; from a third of
the time on an adversary looks at envelopes as well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .codec_adversary import Adversary
from .codec_coded import Coded, coded, crops
from .codec_loss import SpectralLoss, mel_distance
from .codec_refiner import PROFILES
from .codec_shipped import ShippedCodec
from .codec_train import target
from .codec_vector import VectorCodec
from .course import Course, flat_then_down
from .muon import Muon

FRAMES, BATCH = 64, 8
SKIP = 6  # frames at a crop's start whose past is missing
MEL, LINEAR, DECEIVE, ALIKE = 3.0, 1.0, 0.15, 0.5
ADVERSARY_FROM = 0.33  # of the time


def sound(codec: VectorCodec, codes: Tensor) -> Tensor:
    """[B, BOOKS, N] -> [B, samples], without the start."""
    return codec.decode(codes)[:, 0, SKIP * 320 :]


@torch.no_grad()
def evaluate(codec: VectorCodec, held: list[Coded]) -> str:
    """Mel distance with the refiner, per shard."""
    found = []
    for part in held:
        frames = min(90, part.frames - 1)  # little is held out of the tiny profile
        audio, codes = crops([part], 24, frames, np.random.default_rng(0))
        found.append(mel_distance(sound(codec, codes), target(audio)[:, 0, SKIP * 320 :]))
    return " ".join(f"{distance:.4f}" for distance in found)


def optimizers(codec: VectorCodec, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the pointwise matrices of the blocks, AdamW for the rest."""
    refiner = codec.synthesis.refiner
    matrices = [p for n, p in refiner.named_parameters() if ".blocks." in n and p.ndim == 2]
    taken = {id(p) for p in matrices}
    rest = [p for p in refiner.parameters() if id(p) not in taken]
    return [Muon([{"params": matrices}], rate), torch.optim.AdamW(rest, rate, betas=(0.9, 0.98), weight_decay=0.01)]


def train(
    codec: VectorCodec, parts: list[Coded], held: list[Coded], path: Path, minutes: float, rate: float, adverse: bool
) -> None:
    spectral, adversary = SpectralLoss(), Adversary()
    judge = torch.optim.AdamW(adversary.parameters(), 4e-4, betas=(0.5, 0.9))
    course, mean = Course(path, codec, optimizers(codec, rate), minutes, name="codec", saved_s=180), dict[str, float]()
    rng = np.random.default_rng(course.step)
    if "adversary" in course.extras:
        adversary.load_state_dict(course.extras["adversary"])
    print("  held out:", evaluate(codec, held), flush=True)
    for part in course.steps():
        course.set_rate(rate * flat_then_down(course.step, part))
        audio, codes = crops(parts, BATCH, FRAMES, rng)
        made, wanted = sound(codec, codes), target(audio)[:, 0, SKIP * 320 :]
        mel, linear = spectral(made, wanted)
        losses = {"mel": mel, "linear": linear}
        total = MEL * mel + LINEAR * linear
        if adverse and part > ADVERSARY_FROM:
            losses["judge"] = adversary.against(made, wanted)
            judge.zero_grad()
            losses["judge"].backward()
            judge.step()
            losses["deceive"], losses["alike"] = adversary.for_codec(made, wanted)
            total = total + DECEIVE * losses["deceive"] + ALIKE * losses["alike"]
        course.descend(total)
        mean = {k: 0.97 * mean.get(k, v.item()) + 0.03 * v.item() for k, v in losses.items()}
        if course.is_due("show"):
            seen, text = course.step * BATCH * FRAMES / 50, " ".join(f"{k} {v:.3f}" for k, v in mean.items())
            pace = f"{seen / 3600:.2f} h {seen / course.spent:.0f}x"
            print(f"{course.spent / 60:.1f} min step {course.step} {pace} {text}", flush=True)
        if course.is_due("save"):
            print("  held out:", evaluate(codec, held), flush=True)
            course.extras["adversary"] = adversary.state_dict()
            course.save()
    print("  held out:", evaluate(codec, held), flush=True)
    course.save()


def shipped(folder: Path, profile: str) -> VectorCodec:
    """The decoding half of an exported codec; its analysis stays in the folder's graph."""
    exported, codec = ShippedCodec(folder), VectorCodec(profile)
    codec.books.codes.copy_(torch.from_numpy(np.stack(exported.books)))
    codec.synthesis.level.copy_(torch.from_numpy(exported.levels))
    for parameter in codec.parameters():
        parameter.requires_grad_(False)
    for parameter in codec.synthesis.refiner.parameters():
        parameter.requires_grad_(True)
    return codec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("codec", type=Path, help="an exported codec folder")
    parser.add_argument("--shard", nargs=2, action="append", metavar=("FOLDER", "WEIGHT"), required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without the adversary")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    exported = ShippedCodec(given.codec)
    pairs = [coded(exported, Path(folder), float(weight)).split() for folder, weight in given.shard]
    train(
        shipped(given.codec, given.profile), [a for a, _ in pairs], [b for _, b in pairs],
        given.checkpoint, given.minutes, given.rate, not given.plain,
    )  # fmt: skip


if __name__ == "__main__":
    main()
