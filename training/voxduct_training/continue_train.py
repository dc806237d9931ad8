"""Trains the continuation's two language models, one after the other; resumable, one thread by default.

Both are teacher-forced, with a share of the history replaced by random tokens, so that what they say themselves later
does not lead them astray. Muon on the matrices, AdamW on the rest; the rate falls over the second half.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from voxduct.onnx.semantic import Clusters

from .code_lm_model import BOOKS, CODES, NONE, delayed
from .code_lm_train import BOOK_WEIGHTS, optimizers, start_from
from .codec_shipped import ShippedCodec
from .continue_data import Rows, load, streams
from .continue_model import (
    ACOUSTIC_CONTEXT,
    PHASES,
    PROFILES,
    SEMANTIC_CONTEXT,
    AcousticLm,
    SemanticLm,
    semantic_window,
)
from .continue_start import find_clusters, start_from_voice, write_clusters
from .course import Course, flat_then_down

WEIGHTS = {"ada": 1.5, "ben": 1.5, "angus": 1.0, "mila": 1.0, "otto": 1.0, "x": 4.0, "nova": 3.0, "tinytts": 3.0,
           "sound": 1.5, "*": 1.0}  # fmt: skip
CORRUPT = 0.08
REFERENCE = 128  # code frames that a voice vector is made from
SHORTEST = 10  # of them, at least: 0.2 s

Losses = Callable[[Rows, int, float], tuple[Tensor, list[float]]]


def semantic_losses(model: SemanticLm) -> Losses:
    """Cross-entropy of the next token."""

    def losses(rows: Rows, size: int, corrupt: float) -> tuple[Tensor, list[float]]:
        target = torch.from_numpy(np.stack([rows.row(SEMANTIC_CONTEXT)[1] for _ in range(size)]))
        history = torch.cat([torch.full((size, 1), model.clusters), target[:, :-1]], 1)
        wrong = torch.from_numpy(rows.rng.random(history.shape) < corrupt / 2)
        random = torch.from_numpy(rows.rng.integers(0, model.clusters, history.shape))
        history = torch.where(wrong & (history < model.clusters), random, history)
        position = torch.arange(SEMANTIC_CONTEXT)[None].expand(size, -1)
        loss = F.cross_entropy(model(history, position)[0].flatten(0, 1), target.flatten())
        return loss, [float(loss.detach())]

    return losses


def acoustic_losses(model: AcousticLm) -> Losses:
    """Weighted cross-entropy of the books."""

    def losses(rows: Rows, size: int, corrupt: float) -> tuple[Tensor, list[float]]:
        found = [acoustic_row(model, rows) for _ in range(size)]
        target, windows = torch.stack([f[0] for f in found]), torch.stack([f[1] for f in found])
        history = torch.cat([torch.full((size, 1, BOOKS), NONE), target[:, :-1]], 1)
        wrong = torch.from_numpy(rows.rng.random(history.shape) < corrupt) & (history != NONE)
        history = torch.where(wrong, torch.from_numpy(rows.rng.integers(0, CODES, history.shape)), history)
        speaker = torch.cat([model.speaker_encoder(f[2][None]) for f in found])
        speaker = speaker * (torch.rand(size, 1) > 0.1)  # a tenth takes the voice from what it said before
        position = torch.arange(ACOUSTIC_CONTEXT)[None].expand(size, -1)
        logits, _ = model(history, windows, position % PHASES, speaker, position)
        total, plain = logits.new_zeros(()), []
        for book, weight in enumerate(BOOK_WEIGHTS):
            flat, wanted = logits[:, :, book].reshape(-1, CODES), target[:, :, book].reshape(-1)
            loss = F.cross_entropy(flat, wanted, ignore_index=NONE)
            plain.append(float(loss.detach()))
            total = total + weight * loss
        return total / sum(BOOK_WEIGHTS), plain

    return losses


def acoustic_row(model: AcousticLm, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
    """Delayed codes [T, 4], semantic windows [T, 4], and the codes that the voice is taken from: 0.2 to 2.6 s."""
    codes, tokens, pool = rows.row(ACOUSTIC_CONTEXT // PHASES)
    windows = semantic_window(torch.from_numpy(tokens), model.clusters)
    length = REFERENCE if rows.rng.random() < 0.7 else int(rows.rng.integers(SHORTEST, REFERENCE))
    reference = codes[:, :length] if rows.rng.random() < 0.3 else rows.reference(pool, length)
    return delayed(torch.from_numpy(codes), ACOUSTIC_CONTEXT), windows, torch.from_numpy(reference)


@torch.no_grad()
def evaluate(model: nn.Module, losses: Losses, held: Rows, batches: int = 6) -> str:
    model.eval()
    held.rng = np.random.default_rng(0)  # the same rows each time
    found = np.mean([losses(held, 4, 0.0)[1] for _ in range(batches)], axis=0)
    model.train()
    return " ".join(f"{loss:.3f}" for loss in found)


def train(
    model: nn.Module, losses: Losses, rows: Rows, held: Rows, path: Path, minutes: float, rate: float, batch: int
) -> None:
    course = Course(path, model, optimizers(model, rate), minutes)  # type: ignore[arg-type]
    if course.step:
        rows.rng = np.random.default_rng(course.step)
    mean = 0.0
    for part in course.steps():
        course.set_rate(rate * flat_then_down(course.step, part))
        loss, plain = losses(rows, batch, CORRUPT)
        course.descend(loss)
        mean = plain[0] if not mean else 0.95 * mean + 0.05 * plain[0]
        if course.is_due("show"):
            last = " ".join(f"{p:.2f}" for p in plain)
            print(f"{course.spent / 60:.1f} min step {course.step} first {mean:.3f} last {last}", flush=True)
        if course.is_due("save"):
            print("  held out:", evaluate(model, losses, held), flush=True)
            course.save()
    print(f"  held out after {course.step} steps:", evaluate(model, losses, held), flush=True)
    course.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=["clusters", "semantic", "acoustic"])
    parser.add_argument("work", type=Path, help="clusters, checkpoints")
    parser.add_argument("clips", type=Path, nargs="+", help="files that continue_data wrote")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--codec", type=Path, help="start acoustic embeddings and heads from this codec's code vectors")
    parser.add_argument(
        "--voice", type=Path, help="an exported voice whose weights are the acoustic model's first ones"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    clips = load(given.clips)
    if given.stage == "clusters":
        write_clusters(find_clusters(clips), given.work / "semantic.npz")
        return
    clusters = Clusters.read(given.work / "semantic.npz")
    train_part, held_part = streams(clips, clusters)
    rows, held = Rows(train_part, WEIGHTS, seed=1), Rows(held_part or train_part, WEIGHTS, seed=0)
    shape = PROFILES[given.profile][given.stage]
    path = given.work / f"{given.stage}.pt"
    if given.stage == "semantic":
        semantic = SemanticLm(**shape, clusters=len(clusters.centres))
        train(
            semantic, semantic_losses(semantic), rows, held, path, given.minutes, given.rate or 3e-3, given.batch or 16
        )
        return
    acoustic = AcousticLm(**shape, clusters=len(clusters.centres))
    if given.voice and not path.exists():
        start_from_voice(acoustic, given.voice, clips, clusters)
    elif given.codec and not path.exists():
        start_from(acoustic, ShippedCodec(given.codec).books)  # type: ignore[arg-type]
    del clips
    train(acoustic, acoustic_losses(acoustic), rows, held, path, given.minutes, given.rate or 1.5e-3, given.batch or 6)


if __name__ == "__main__":
    main()
