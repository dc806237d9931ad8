"""Trains the codec language model for a given number of minutes; resumable, one thread by default.

Teacher-forced cross-entropy, books weighted 1/.5/.3/.2 with label smoothing .05, a share of the history replaced by
random codes (exposure bias), and binary cross-entropy on the advance head. Muon on the matrices, AdamW on the rest.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .code_lm_data import Batch, Rows, Utterance, load
from .code_lm_export import read_weights
from .code_lm_model import CONTEXT, NONE, PROFILES, CodeLm
from .codec_shipped import ShippedCodec, Vectors
from .course import Course, flat_then_down
from .muon import Muon
from .voice_texts import is_held_out, key

BOOK_WEIGHTS = (1.0, 0.5, 0.3, 0.2)  # the first book holds 93 % of the parameter variance
VOICES = {
    "iris": 10.0, "nova": 3.0, "ben": 2.5, "ada": 2.0, "angus": 1.2, "mila": 1.2, "otto": 1.2, "@": 0.25, "*": 0.04,
}  # fmt: skip
"""How often each is drawn; `@`: each of those that were warped while they were encoded, `*`: each other one."""


def losses(model: CodeLm, batch: Batch, smoothing: float = 0.05) -> tuple[Tensor, Tensor, list[float]]:
    """Weighted code loss, advance loss, cross-entropy per book."""
    speaker = model.speaker_encoder(batch.reference)
    # A tenth of the rows must take the voice from their prompt alone.
    speaker = speaker * (torch.rand(len(speaker), 1) > 0.1)
    size, steps = batch.age.shape
    position = torch.arange(steps)[None].expand(size, steps)
    logits, advance, _ = model(batch.codes, batch.phones, batch.age, speaker, position)
    total, plain = logits.new_zeros(()), []
    for book, weight in enumerate(BOOK_WEIGHTS):
        flat, wanted = logits[:, :, book].reshape(-1, logits.shape[3]), batch.target[:, :, book].reshape(-1)
        loss = F.cross_entropy(flat, wanted, ignore_index=NONE, label_smoothing=smoothing)
        plain.append(float(loss.detach()))
        total = total + weight * loss
    known = batch.advance >= 0
    move = F.binary_cross_entropy_with_logits(advance[known], batch.advance[known].float())
    return total / sum(BOOK_WEIGHTS), move, plain


@torch.no_grad()
def evaluate(model: CodeLm, rows: Rows, batches: int = 6) -> str:
    model.eval()
    found = [losses(model, rows.batch(4, corrupt=0.0), smoothing=0.0) for _ in range(batches)]
    books = [sum(p[k] for _, _, p in found) / batches for k in range(len(BOOK_WEIGHTS))]
    move = sum(float(m) for _, m, _ in found) / batches
    model.train()
    return " ".join(f"{b:.3f}" for b in books) + f" advance {move:.4f}"


@torch.no_grad()
def start_from(model: CodeLm, books: list[Vectors]) -> None:
    """Codes that sound alike start alike: embeddings and output rows are projections of the codec's code vectors."""
    for book, vectors in enumerate(books):
        codes = torch.from_numpy(vectors - vectors.mean(0))
        codes = codes / (codes.std(0) + 0.3 * codes.std())
        # The continuation's models read fewer books than they predict.
        read = [(model.codes, 0.3), (model.speaker_encoder.tables, 1.0)]
        for table, scale in [(tables[book], scale) for tables, scale in read if book < len(tables)]:
            mixed = codes @ torch.randn(codes.shape[1], table.embedding_dim)
            table.weight[: len(codes)] = mixed / mixed.std() * scale
        mixed = codes @ torch.randn(codes.shape[1], model.width)
        size = len(codes)
        model.heads_out.weight[book * size : (book + 1) * size] = mixed / mixed.std() * 0.03


def divide(utterances: list[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """Held out by text; the number and repeat items stay in training."""
    held = [u for u in utterances if hash_share(u.text)]
    return [u for u in utterances if not hash_share(u.text)], held


def hash_share(text: str) -> bool:
    return is_held_out(text) or sum(key(text).encode()) % 40 == 0


def optimizers(model: CodeLm, rate: float) -> list[torch.optim.Optimizer]:
    named = [(n, p) for n, p in model.named_parameters() if n.startswith("layers.") and p.ndim == 2]
    heads = [p for n, p in named if n.split(".")[-2] in ("query", "key", "value")]
    whole = [p for n, p in named if n.split(".")[-2] in ("out", "up", "down")]
    chosen = {id(p) for _, p in named}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    muon = Muon([{"params": heads, "blocks": model.heads}, {"params": whole}], rate)
    return [muon, torch.optim.AdamW(rest, rate, betas=(0.9, 0.98), weight_decay=0.01)]


def train(
    model: CodeLm, rows: Rows, held: Rows, path: Path, minutes: float, rate: float, batch: int, bf16: bool
) -> None:
    course, mean = Course(path, model, optimizers(model, rate), minutes), 0.0
    for part in course.steps():
        course.set_rate(rate * flat_then_down(course.step, part))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            code, move, plain = losses(model, rows.batch(batch))
        course.descend(code + 0.5 * move, bf16=bf16)
        mean = plain[0] if not mean else 0.95 * mean + 0.05 * plain[0]
        if course.is_due("show"):
            seconds = course.step * batch * rows.steps / 50
            print(
                f"{course.spent / 60:.1f} min step {course.step} {seconds / 3600:.2f} h "
                f"{seconds / course.spent:.0f}x book0 {mean:.3f} last "
                + " ".join(f"{p:.2f}" for p in plain)
                + f" advance {float(move.detach()):.3f}",
                flush=True,
            )
        if course.is_due("save"):
            print("  held out:", evaluate(model, held), flush=True)
            course.save()
    print("  held out:", evaluate(model, held), flush=True)
    course.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("codes", type=Path, nargs="+", help="files that code_lm_data wrote")
    parser.add_argument("--minutes", type=float, default=55)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--steps", type=int, default=CONTEXT)
    parser.add_argument("--codec", type=Path, help="start embeddings and heads from this codec folder's code vectors")
    parser.add_argument("--start", type=Path, help="an exported voice whose weights are the first ones")
    parser.add_argument("--bf16", action="store_true", help="for processors that multiply bf16 (avx512_bf16, amx_bf16)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    train_part, held_part = divide([u for path in given.codes for u in load(path)])
    rows = Rows(train_part, VOICES, given.steps, seed=int(time.time()))
    held = Rows(held_part or train_part, VOICES, given.steps, seed=0)
    model = CodeLm(**PROFILES[given.profile])
    if given.codec:
        start_from(model, ShippedCodec(given.codec).books)
    if given.start:
        model.load_state_dict(read_weights(given.start))
    train(model, rows, held, given.checkpoint, given.minutes, given.rate, given.batch, given.bf16)


if __name__ == "__main__":
    main()
