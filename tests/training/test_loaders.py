"""Processes that make a trainer's batches: the same batches as a thread, and no silent deaths, neither way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from voxduct_training.loaders import Material, load  # noqa: E402
from voxduct_training.plan import Plan  # noqa: E402
from voxduct_training.shards import ShardWriter  # noqa: E402

TOKENIZER = Path(__file__).parents[2] / "models_onnx" / "voxduct-tiny-en"
PROGRESS = 0.5  # noise, masks and chunks are on
ORPHANS = """
import sys, time
from multiprocessing import active_children
from pathlib import Path
from voxduct_training.loaders import Material, load
from voxduct_training.plan import Plan
if __name__ == "__main__":
    batches = load(2, Material(Path(sys.argv[1]), "*.jsonl", Path(sys.argv[2]), Plan(60), 1), lambda: 0.5)
    next(batches)
    print(*(process.pid for process in active_children()), flush=True)
    time.sleep(60)
"""
SAME = """
import sys
from dataclasses import fields
from itertools import islice
from pathlib import Path
import torch
from voxduct_training.batches import Shards, stream
from voxduct_training.loaders import Material, load
from voxduct_training.plan import Plan
from voxduct_training.tokenizer import load_tokenizer
def same(left, right):
    pairs = [(getattr(left, field.name), getattr(right, field.name)) for field in fields(left)]
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)
if __name__ == "__main__":
    made = Material(Path(sys.argv[1]), "*.jsonl", Path(sys.argv[2]), Plan(60, batch=0.3), 7)
    shards, lesson = Shards(made.shards, made.pattern), lambda: made.plan.lesson(0.5)
    thread = stream(shards, load_tokenizer(made.tokenizer), lesson, made.seed)
    loader = load(1, made, lambda: 0.5)
    print(*(same(ours, theirs) for ours, theirs in islice(zip(loader, thread), 12)), flush=True)
    loader.close()
"""


def material(folder: Path, text: str = "one two three") -> Material:
    rng = np.random.default_rng(0)
    writer = ShardWriter(folder, "train-000")
    for count in range(24):
        samples = rng.integers(-9000, 9000, 8000 + 500 * count).astype(np.int16)
        writer.add(samples, text, "espeak/en/1/1/1", [[1, 3000], [2, 6000]])
    writer.close()
    return Material(folder, "*.jsonl", TOKENIZER, Plan(60, batch=0.3), seed=7)


def test_a_loader_makes_the_batches_of_a_thread(tmp_path: Path) -> None:
    material(tmp_path)
    # by itself: what else this process has loaded changes how its products are added up
    command = [sys.executable, "-c", SAME, str(tmp_path), str(TOKENIZER)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert made.stdout.split() == ["True"] * 12, made.stderr


def test_a_failing_loader_fails_the_trainer_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)a loader failed.*character_ids"):
        next(load(1, material(tmp_path, "no digits: 7"), lambda: PROGRESS))


def test_a_killed_loader_fails_the_trainer(tmp_path: Path) -> None:
    batches = load(1, material(tmp_path), lambda: PROGRESS)
    next(batches)
    for process in active_children():
        process.kill()
    with pytest.raises(RuntimeError, match="exit code -9"):
        list(islice(batches, 100))


def test_loaders_end_with_a_killed_trainer(tmp_path: Path) -> None:
    made = material(tmp_path)
    (tmp_path / "trainer.py").write_text(ORPHANS, encoding="utf8")
    command = [sys.executable, str(tmp_path / "trainer.py"), str(made.shards), str(TOKENIZER)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as trainer:
        assert trainer.stdout is not None
        loaders = [int(pid) for pid in trainer.stdout.readline().split()]
        trainer.send_signal(signal.SIGKILL)
    assert len(loaders) == 2
    until = time.monotonic() + 10
    while any(alive(pid) for pid in loaders) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in loaders)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
