"""Train the recogniser within a wall-clock budget; start it again with the same arguments and it resumes.

Everything that changes over the training (learning rate, utterance length, batch size, augmentation) follows
the fraction of the budget spent, so a slower machine gets a shorter training of the same form.

A training may also go on from an exported model (`--start`), with the curriculum entered where that model has left it
(`--enter`).

Each process computes with one thread: on a busy machine, processes that meet once a step lose far less time
than threads that meet at every matrix product.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional as F

from voxduct_training.batches import IGNORED, Batch, Lesson, Shards, stream
from voxduct_training.muon import Muon
from voxduct_training.recognizer import Recognizer, Shape
from voxduct_training.tokenizer import load_tokenizer
from voxduct_training.whisper_weights import from_folder

MATRIX_RATE, OTHER_RATE, WARM_UP = 3e-3, 1.5e-3, 150
CTC_WEIGHT, MIDDLE_WEIGHT, TOKEN_WEIGHT, GUIDE_WEIGHT = 0.35, 0.15, 0.5, 0.3
AVERAGE_FROM, AVERAGE_DECAY = 0.66, 0.997
SAVE_EVERY = 120.0  # seconds
LONGEST_STEP = 30.0  # seconds; what is longer was a pause, which the budget does not pay for


def lesson_at(progress: float) -> Lesson:
    """The curriculum: short and clean first; longer, cut off, timed and noisier later."""
    if progress < 0.07:
        return Lesson(longest=1.6, batch=14, strength=0.0, silence=0.2)
    if progress < 0.18:
        return Lesson(longest=2.8, batch=16, strength=0.1, empty=0.01, silence=0.2)
    if progress < 0.32:
        return Lesson(longest=4.5, batch=20, strength=0.2, cut=0.08, empty=0.02, timed=0.1)
    if progress < 0.72:
        return Lesson(longest=6.0, batch=22, strength=0.3, cut=0.1, empty=0.02, timed=0.1, mask=0.2, chunked=0.5)
    silence = 0.5 if progress < 0.88 else 1.0
    lesson = Lesson(longest=10.0, batch=28, strength=0.55, cut=0.12, empty=0.03, timed=0.1, silence=silence)
    return replace(lesson, mask=0.2, chunked=0.6)


def rate_at(progress: float, step: int) -> float:
    """Warm-up by steps, then a fall to zero by the clock: flat at first, linear in the second part."""
    fall = min(1.0, (1.0 - min(progress, 1.0)) / 0.7)
    return min(1.0, (step + 1) / WARM_UP) * fall


def optimisers(model: Recognizer) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers and the convolutions, AdamW for everything else."""
    by_blocks: dict[int, list[Tensor]] = {}
    rest: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if ("coder." in name and parameter.ndim == 2) or (name.startswith("conv") and parameter.ndim == 3):
            projected = name.endswith(("joint.weight", "query.weight"))
            blocks = parameter.shape[0] * model.shape.heads // model.shape.width if projected else 1
            by_blocks.setdefault(blocks, []).append(parameter)
        else:
            rest.append(parameter)
    groups: list[dict[str, object]] = [{"params": found, "blocks": blocks} for blocks, found in by_blocks.items()]
    adam = torch.optim.AdamW(rest, OTHER_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    return [Muon(groups, MATRIX_RATE), adam]


def flat_gradients(model: Recognizer) -> Tensor:
    """Lay all gradients in one vector (with two numbers to spare), so that processes exchange them in one go."""
    parameters = list(model.parameters())
    flat = torch.zeros(sum(p.numel() for p in parameters) + 2)
    offset = 0
    for parameter in parameters:
        parameter.grad = flat[offset : offset + parameter.numel()].view_as(parameter)
        offset += parameter.numel()
    return flat


@dataclass
class Progress:
    """What a resumed run has to know."""

    step: int = 0
    elapsed: float = 0.0
    heard: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)

    def note(self, losses: dict[str, float]) -> None:
        """Fold one step's losses into their running means."""
        for name, value in losses.items():
            self.losses[name] = value + 0.98 * (self.losses.get(name, value) - value)


def losses_of(model: Recognizer, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """The weighted loss of one batch and its parts."""
    states, middle = model.encode(batch.features, batch.context)
    frames = torch.full((states.shape[0],), states.shape[1])

    def ctc(scores: Tensor) -> Tensor:
        chances = scores.log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(chances, batch.characters, frames, batch.lengths, zero_infinity=True)

    upper, lower = ctc(model.characters(states)), ctc(middle)
    scores, looks = model.decode_and_look(batch.tokens, states)
    guide = guide_loss(looks, batch.windows)
    tokens = F.cross_entropy(scores.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED, label_smoothing=0.1)
    total = CTC_WEIGHT * upper + MIDDLE_WEIGHT * lower + TOKEN_WEIGHT * tokens + GUIDE_WEIGHT * guide
    parts = {"ctc": upper, "middle": lower, "token": tokens, "guide": guide}
    return total, {name: part.item() for name, part in parts.items()}


def guide_loss(looks: Tensor, windows: Tensor) -> Tensor:
    """How far the guided heads look away from the word being written.

    The synthesisers say when each word ends, and a decoder that is told where to look learns to read in a
    fraction of the time; without it, it wrote the first words and drifted.  `windows` [batch, tokens, 2] is
    -1 where nobody knows.  The same heads later give the engine its word times.
    """
    frames = torch.arange(looks.shape[-1])
    inside = (frames >= windows[..., :1]) & (frames < windows[..., 1:])
    known = windows[:, :, 0] >= 0
    mass = (looks * inside[:, None]).sum(-1).clamp_min(1e-4)
    return -(mass.log().mean(1) * known).sum() / known.sum().clamp_min(1)


@dataclass(frozen=True)
class Plan:
    """How long a run is and how it computes."""

    seconds: float
    enter: float = 0.0  # fraction of the curriculum that the first weights have behind them
    rate: float = 1.0  # times the learning rates above
    batch: float = 1.0  # times the lesson's seconds of audio in each process's step
    bf16: bool = False
    longest: float | None = None  # seconds of an utterance, instead of the lesson's

    def lesson(self, progress: float) -> Lesson:
        """The lesson at a fraction of this run."""
        found = lesson_at(self.enter + (1 - self.enter) * progress)
        return replace(found, batch=found.batch * self.batch, longest=self.longest or found.longest)


class Training:
    """A model, its optimisers and its place on disk."""

    def __init__(self, folder: Path, model: Recognizer, plan: Plan) -> None:
        self.path = folder / "last.pt"
        self.plan = plan
        self.model = model
        self.average: dict[str, Tensor] = {}
        self.optimisers = optimisers(self.model)
        self.gradients = flat_gradients(self.model)
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.state = Progress()
        if self.path.exists():
            self._load(torch.load(self.path, weights_only=False))

    def _load(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        self.average = saved["average"]
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.state = Progress(**saved["progress"])

    def save(self) -> None:
        """Write the checkpoint in one move, so that a reader never sees half of one."""
        saved = {
            "shape": asdict(self.model.shape),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimisers": [o.state_dict() for o in self.optimisers],
            "progress": asdict(self.state),
        }
        torch.save(saved, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").rename(self.path)

    @property
    def progress(self) -> float:
        """The fraction of the budget that is spent."""
        return self.state.elapsed / self.plan.seconds

    def step(self, batch: Batch) -> None:
        """One update."""
        share = self.plan.rate * rate_at(self.progress, self.state.step)
        for optimiser, rate in zip(self.optimisers, (MATRIX_RATE, OTHER_RATE), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * share
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bf16):
            loss, parts = losses_of(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        heard = self._agree(batch.seconds)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bf16):
            for optimiser in self.optimisers:
                optimiser.step()
        self.gradients.zero_()
        self.state.step += 1
        self.state.heard += heard
        if math.isfinite(parts["ctc"]):
            self.state.note(parts)
        if self.progress > AVERAGE_FROM:
            self._fold_average()

    @torch.no_grad()
    def _agree(self, seconds: float) -> float:
        """Average the gradients and the clock over the processes, clip; returns the seconds all of them heard."""
        world = distributed.get_world_size() if distributed.is_initialized() else 1
        if world > 1:
            self.gradients[-2:] = torch.tensor([self.state.elapsed, seconds])
            distributed.all_reduce(self.gradients)
            self.gradients /= world
            self.state.elapsed, seconds = self.gradients[-2].item(), self.gradients[-1].item() * world
            self.gradients[-2:] = 0
        norm = self.gradients.norm()
        if norm > 1:
            self.gradients /= norm
        return seconds

    @torch.no_grad()
    def _fold_average(self) -> None:
        current = self.model.state_dict()
        if not self.average:
            self.average = {name: value.clone() for name, value in current.items()}
        torch._foreach_lerp_(list(self.average.values()), list(current.values()), 1 - AVERAGE_DECAY)


def run(training: Training, shards: Shards, tokenizer_folder: Path) -> None:
    """Train until the budget is spent."""
    tokenizer = load_tokenizer(tokenizer_folder)
    batches = stream(
        shards, tokenizer, lambda: training.plan.lesson(training.progress), seed=2 * training.state.step + training.rank
    )
    before, saved = time.monotonic(), time.monotonic()
    while training.progress < 1:
        training.step(next(batches))
        now = time.monotonic()
        training.state.elapsed += min(now - before, LONGEST_STEP)
        before = now
        if training.rank == 0 and (training.state.step % 50 == 0 or training.state.step in (1, 10, 25)):
            report(training)
        if training.rank == 0 and now - saved > SAVE_EVERY:
            training.save()
            saved = now
    if training.rank == 0:
        training.save()
        report(training)


def report(training: Training) -> None:
    """One line of the log."""
    state = training.state
    parts = " ".join(f"{name} {value:.3f}" for name, value in state.losses.items())
    speed = state.heard / max(state.elapsed, 1e-9)
    clock = time.strftime("%H:%M:%S")
    print(
        f"{clock} step {state.step} {state.elapsed / 60:.1f} min {state.heard / 3600:.2f} h {speed:.0f}x {parts}"
        f" rate {MATRIX_RATE * training.plan.rate * rate_at(training.progress, state.step):.1e}",
        flush=True,
    )


def work(rank: int, options: argparse.Namespace) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    if options.processes > 1:
        meeting = f"file://{(options.folder / 'meeting').resolve()}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=options.processes)
    shards = Shards(options.shards, "[nt]*-*.jsonl")
    while shards.refresh() < 1:
        time.sleep(2)
    torch.manual_seed(0)
    shape = Shape(load_tokenizer(options.tokenizer).get_vocab_size())
    model = from_folder(options.start) if options.start else Recognizer(shape)
    plan = Plan(options.minutes * 60, options.enter, options.rate, options.batch, options.bf16, options.longest)
    run(Training(options.folder, model, plan), shards, options.tokenizer)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where checkpoints go")
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--start", type=Path, help="an exported model directory whose weights are the first ones")
    parser.add_argument("--enter", type=float, default=0.0, help="where in the curriculum (0 to 1) to begin")
    parser.add_argument("--rate", type=float, default=1.0, help="times the usual learning rates")
    parser.add_argument("--batch", type=float, default=1.0, help="times the usual audio in a step of each process")
    parser.add_argument("--longest", type=float, help="seconds of the longest utterances, instead of the lessons'")
    parser.add_argument("--bf16", action="store_true", help="for processors that multiply bf16 (avx512_bf16, amx_bf16)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rank", type=int, help="be this one of the processes; without it, all of them are started")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.rank is not None:
        work(options.rank, options)
        return
    (options.folder / "meeting").unlink(missing_ok=True)
    if options.processes > 1:
        multiprocessing.spawn(work, (options,), nprocs=options.processes)
    else:
        work(0, options)


if __name__ == "__main__":
    main()
