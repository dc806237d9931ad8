"""Rewrites a Whisper export once so that it runs faster and says more, and keeps the result.

The steps and what they were measured to cost or gain are in docs/prepare.md.
"""

from __future__ import annotations

import importlib.util
import logging
from enum import StrEnum
from pathlib import Path

from voxduct.errors import ServerError

__all__ = ["Precision", "prepare_whisper"]

logger = logging.getLogger(__name__)


class Precision(StrEnum):
    """Of the weights; activations follow on the CPU as its kernels want them."""

    FP32 = "fp32"
    INT8 = "int8"
    """Per output channel, 7 bits; the one for CPUs."""
    FP16 = "fp16"
    """The one for CUDA."""


def prepare_whisper(source: Path, target: Path, *, precision: Precision = Precision.INT8) -> Path:
    """Writes a prepared copy of the export in `source` to `target` and returns `target`, which any loader takes.

    Seconds to minutes the first time; afterwards only checksums are read, until the export changes. May be called by
    several processes at once.

    Raises:
        ModelError: the export is incomplete or damaged, does not survive preparing, or `target` is something else.
        ServerError: the package `onnx` is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ServerError("preparing models needs a package: pip install 'voxduct[prepare]'", code="missing_package")
    from voxduct.onnx.prepare.cache import is_current, make_recipe, replace
    from voxduct.onnx.prepare.folder import read_export
    from voxduct.onnx.prepare.whisper import WhisperPreparation

    export = read_export(source)
    recipe = make_recipe(source, export.files, precision.value)
    if is_current(target, recipe):
        logger.info("%s is prepared already", target)
        return target
    replace(target, recipe, WhisperPreparation(export, recipe).write)
    return target
