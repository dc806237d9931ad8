"""Which engines `bench peers` compares, and where in a checkout their processes and models come from.

PyTorch and the peers are never imported here: they live in processes of their own, started from `benchmarks/peers`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from voxduct.errors import ExtraError, ServerError

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]
SCRIPTS = Path("benchmarks") / "peers"
CACHE = CHECKOUT / "benchmarks" / ".cache" / "peers"
INSTALL = "pip install 'voxduct[peers]'"


@dataclass(frozen=True, slots=True)
class EngineKind:
    """One of those compared."""

    name: str
    module: str
    """What has to be installed."""
    takes: str
    """Which of a size's folders it loads."""


OURS = EngineKind("voxduct", "onnxruntime", "voxduct")
FASTER_WHISPER = EngineKind("faster_whisper", "faster_whisper", "ctranslate2")
CTRANSLATE2 = EngineKind("ctranslate2", "ctranslate2", "ctranslate2")
TRANSFORMERS = EngineKind("transformers", "transformers", "checkpoint")
KINDS = {kind.name: kind for kind in (OURS, FASTER_WHISPER, CTRANSLATE2, TRANSFORMERS)}
SIZES = ("tiny", "base", "small", "embedded")
LEFT_OUT = {
    "sherpa_onnx": "sherpa-onnx 2.0.1 refuses the export of these weights ('n_mels' does not exist in the metadata): "
    "it loads only what its own script exported, with another cache; and it takes no token budget",
}
"""Engines that cannot be given the same weights or the same work, and why."""


def chosen(names: Collection[str]) -> list[EngineKind]:
    """The engines of these names, ours first.

    Raises:
        ServerError: this is no checkout.
        ExtraError: a package is missing.
    """
    if not (CHECKOUT / SCRIPTS).is_dir():
        raise ServerError(f"bench peers needs {SCRIPTS}, which only a checkout has: clone the repository")
    kinds = [kind for kind in KINDS.values() if kind is OURS or kind.name in names]
    needed = {"torch", "transformers", "optimum", "ctranslate2", *(kind.module for kind in kinds)}
    if missing := sorted(module for module in needed if importlib.util.find_spec(module) is None):
        raise ExtraError(f"bench peers needs {', '.join(missing)}: {INSTALL}")
    return kinds


def command(kind: EngineKind) -> list[str]:
    """What starts an engine's process."""
    return [sys.executable, "-m", f"benchmarks.peers.{kind.name}_engine"]


def environment() -> dict[str, str]:
    """Variables by which a process finds the checkout's scripts and this very Voxduct, and stays off the network."""
    paths = [str(PACKAGE.parent), str(CHECKOUT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "HF_HUB_OFFLINE": "1"}


def make_models(size: str, cache: Path) -> Mapping[str, str]:
    """Folders of a size's models by what they are for; made when they are not there, in a process of its own.

    Minutes for `small` the first time, and some gigabytes of memory.

    Raises:
        ServerError: they could not be made.
    """
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.checkpoints", size, str(cache)],
        stdout=subprocess.PIPE, env={**os.environ, **environment()}, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise ServerError(f"the models of size {size} could not be made; what went wrong is above")
    folders: dict[str, str] = json.loads(made.stdout.strip().splitlines()[-1])
    return folders
