"""Train the recogniser within a wall-clock budget; start it again with the same arguments and it resumes.

A training may also go on from an exported model (`--start`), with the curriculum entered where that model has left it
(`--enter`).

Each process computes with one thread: on a busy machine, processes that meet once a step lose far less time
than threads that meet at every matrix product. A GPU has one training process, in bf16 with large batches
(`--device cuda --processes 1 --bf16 --batch 12`), and processes that make the batches (`--loaders 14`).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing

from voxduct_training.batches import Batch, Shards, stream
from voxduct_training.loaders import Material, load
from voxduct_training.muon import Muon
from voxduct_training.plan import Plan, rate_at
from voxduct_training.recognizer import Recognizer, Shape
from voxduct_training.recognizer_loss import losses_of
from voxduct_training.shipped_weights import read_weights
from voxduct_training.tokenizer import load_tokenizer

MATRIX_RATE, OTHER_RATE = 3e-3, 1.5e-3
AVERAGE_FROM, AVERAGE_DECAY = 0.66, 0.997
SAVE_EVERY = 120.0  # seconds
LONGEST_STEP = 30.0  # seconds; what is longer was a pause, which the budget does not pay for
PATTERN = "[nt]*-*.jsonl"  # shards: neighbour, neural, train


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
    flat = torch.zeros(sum(p.numel() for p in parameters) + 2, device=parameters[0].device)
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


class Training:
    """A model, its optimisers and its place on disk."""

    def __init__(self, folder: Path, model: Recognizer, plan: Plan) -> None:
        self.path = folder / "last.pt"
        self.plan = plan
        self.model = model.to(plan.device)
        self.average: dict[str, Tensor] = {}
        self.optimisers = optimisers(self.model)
        self.gradients = flat_gradients(self.model)
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.state = Progress()
        if self.path.exists():
            self._load(torch.load(self.path, map_location=plan.device, weights_only=False))

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
        with self._precision():
            loss, parts = losses_of(self.model, batch.to(self.plan.device))
        loss.backward()  # type: ignore[no-untyped-call]
        heard = self._agree(batch.seconds)
        with self._precision():
            for optimiser in self.optimisers:
                optimiser.step()
        self.gradients.zero_()
        self.state.step += 1
        self.state.heard += heard
        if math.isfinite(parts["ctc"]):
            self.state.note(parts)
        if self.progress > AVERAGE_FROM:
            self._fold_average()

    def _precision(self) -> torch.autocast:
        return torch.autocast(torch.device(self.plan.device).type, torch.bfloat16, enabled=self.plan.bf16)

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
        self.gradients /= self.gradients.norm().clamp_min(1)  # without asking for the norm: a GPU would have to wait
        return seconds

    @torch.no_grad()
    def _fold_average(self) -> None:
        current = self.model.state_dict()
        if not self.average:
            self.average = {name: value.clone() for name, value in current.items()}
        torch._foreach_lerp_(list(self.average.values()), list(current.values()), 1 - AVERAGE_DECAY)


def run(training: Training, batches: Iterator[Batch]) -> None:
    """Train until the budget is spent."""
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


def batches_for(training: Training, options: argparse.Namespace) -> Iterator[Batch]:
    """The training's batches, by loader processes or by a thread; waits for the first shard."""
    shards, plan = Shards(options.shards, PATTERN), training.plan
    while shards.refresh() < 1:
        time.sleep(2)
    seed = 2 * training.state.step + training.rank
    if options.loaders:
        material = Material(options.shards, PATTERN, options.tokenizer, plan, seed)
        return load(options.loaders, material, lambda: training.progress)
    tokenizer = load_tokenizer(options.tokenizer)
    return stream(shards, tokenizer, lambda: plan.lesson(training.progress), seed)


def work(rank: int, options: argparse.Namespace) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("high")  # what autocast leaves in fp32 may use TF32; a CPU knows none
    if options.processes > 1:
        meeting = f"file://{(options.folder / 'meeting').resolve()}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=options.processes)
    torch.manual_seed(0)
    shape = Shape(load_tokenizer(options.tokenizer).get_vocab_size())
    model = read_weights(options.start) if options.start else Recognizer(shape)
    minutes, longest = options.minutes, options.longest
    plan = Plan(minutes * 60, options.enter, options.rate, options.batch, options.bf16, longest, options.device)
    training = Training(options.folder, model, plan)
    run(training, batches_for(training, options))


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
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for a GPU (then with --processes 1)")
    parser.add_argument(
        "--loaders", type=int, default=0, help="processes that make batches; 0: a thread of each process"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rank", type=int, help="be this one of the processes; without it, all of them are started")
    options = parser.parse_args()
    if options.device != "cpu" and options.processes != 1:
        parser.error("a GPU has one training process: --processes 1")
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
