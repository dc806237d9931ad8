"""Trains the grapheme-to-phoneme model on the lexicon, one word in fifty held out; resumable, minutes on one core.

    python -m voxduct_training.train_g2p models_onnx/voxduct-g2p-en/lexicon.txt.xz training/work/g2p --profile full

Phone error rate (PER): edits between greedy CTC output and the lexicon's phones, over the lexicon's phones.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from voxduct_training.g2p_model import LETTERS, LONGEST, SLOTS, G2p, letter_ids
from voxduct_training.lexicon import PHONES, Pronunciations, read

HELD_OUT = 50  # one word in so many is never trained on


@dataclass(frozen=True)
class Profile:
    """How much to train."""

    steps: int
    batch: int
    width: int
    layers: int
    rate: float


PROFILES = {"full": Profile(1600, 128, 128, 3, 2e-3), "tiny": Profile(150, 128, 48, 1, 4e-3)}
Pair = tuple[list[int], list[int]]


def is_held_out(word: str) -> bool:
    """Decided by the word's hash, so that no list has to be kept."""
    return zlib.crc32(f"g2p {word}".encode()) % HELD_OUT == 0


def pairs(entries: Pronunciations, held_out: bool) -> list[Pair]:
    """(letter ids, phone ids) of the words that CTC can spell."""
    number = {phone: index + 1 for index, phone in enumerate(PHONES)}
    chosen = []
    for word, phones in sorted(entries.items()):
        plain = all(letter in LETTERS for letter in word) and 1 < len(word) <= LONGEST
        if plain and is_held_out(word) == held_out and 2 * len(phones) <= SLOTS * len(word) + len(set(phones)):
            chosen.append((letter_ids(word), [number[phone] for phone in phones]))
    return chosen


def pad(batch: list[Pair]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Letters [B, N], their slots [B], phones in one row, their counts [B]."""
    longest = max(len(letters) for letters, _ in batch)
    rows = torch.tensor([letters + [0] * (longest - len(letters)) for letters, _ in batch])
    slots = torch.tensor([SLOTS * len(letters) for letters, _ in batch])
    phones = torch.tensor([phone for _, phones in batch for phone in phones])
    return rows, slots, phones, torch.tensor([len(phones) for _, phones in batch])


def batches(data: list[Pair], size: int, rng: random.Random) -> list[list[Pair]]:
    """One epoch of batches of words of like length, in random order."""
    order = sorted(data, key=lambda pair: len(pair[0]) + rng.random())
    cut = [order[at : at + size] for at in range(0, len(order), size)]
    rng.shuffle(cut)
    return cut


def greedy(logits: Tensor, slots: int) -> list[int]:
    """Best class of each slot, repeats and blanks removed."""
    best = logits[:slots].argmax(-1).tolist()
    return [now for before, now in zip([0, *best], best, strict=False) if now and now != before]


def edits(a: list[int], b: list[int]) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def score(model: nn.Module, data: list[Pair]) -> tuple[float, float]:
    """(PER, share of words wrong)."""
    wrong = total = words = 0
    model.eval()
    with torch.inference_mode():
        for at in range(0, len(data), 512):
            part = data[at : at + 512]
            logits = model(pad(part)[0])
            for row, (letters, phones) in zip(logits, part, strict=True):
                distance = edits(greedy(row, SLOTS * len(letters)), phones)
                wrong, total, words = wrong + distance, total + len(phones), words + (distance > 0)
    model.train()
    return wrong / max(total, 1), words / max(len(data), 1)


def schedule(progress: float) -> float:
    """Share of the full rate: up for a tenth, flat to the middle, then down in a line."""
    return min(progress / 0.1 + 0.01, 1.0, (1.0 - progress) / 0.45)


def train(entries: Pronunciations, out: Path, profile: Profile, seed: int = 0) -> dict[str, float]:
    """Trains, or goes on where `out/last.pt` stopped; writes `out/model.pt` with averaged weights."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    data, held = pairs(entries, False), pairs(entries, True)
    model = G2p(len(PHONES), profile.width, profile.layers)
    average = get_ema_multi_avg_fn(0.998)
    mean = AveragedModel(model, multi_avg_fn=average)
    optimizer = torch.optim.AdamW(model.parameters(), lr=profile.rate, weight_decay=0.02, betas=(0.9, 0.98))
    step, began = 0, time.time()
    queue: list[list[Pair]] = []
    last = out / "last.pt"
    if last.exists():
        kept = torch.load(last, weights_only=True)
        model.load_state_dict(kept["model"])
        mean.load_state_dict(kept["mean"])
        optimizer.load_state_dict(kept["optimizer"])
        step = kept["step"]
        rng.seed(seed + step)
    while step < profile.steps:
        queue = queue or batches(data, profile.batch, rng)
        rows, slots, phones, counts = pad(queue.pop())
        log_probs = model(rows).log_softmax(-1).transpose(0, 1)
        loss = F.ctc_loss(log_probs, phones, slots, counts, zero_infinity=True)
        optimizer.param_groups[0]["lr"] = profile.rate * schedule(step / profile.steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean.update_parameters(model)
        step += 1
        if step % 200 == 0 or step == profile.steps:
            per, words = score(mean.module, held)
            line = {"step": step, "loss": round(loss.item(), 4), "per": round(per, 4), "words_wrong": round(words, 4)}
            print(json.dumps(line | {"seconds": round(time.time() - began)}), flush=True)
            states = {"model": model.state_dict(), "mean": mean.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(states | {"step": step}, last)
    per, words = score(mean.module, held)
    figures = {"per": per, "words_wrong": words, "held_out_words": len(held), "trained_words": len(data)}
    shape = {"width": profile.width, "layers": profile.layers}
    torch.save({"model": mean.module.state_dict(), **shape, **figures}, out / "model.pt")
    return figures


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    print(json.dumps(train(read(given.lexicon), given.out, PROFILES[given.profile])))


if __name__ == "__main__":
    main()
