"""Makes ONNX graphs of the published weights of Lyra's SoundStream, once, and keeps the result.

What goes in are the TensorFlow Lite files of https://github.com/google/lyra (lyra/model_coeffs, Apache-2.0); what
comes out is a folder that `voxduct.onnx.lyra.LyraCodec` opens.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from voxduct.errors import ExtraError

__all__ = ["prepare_lyra"]


def prepare_lyra(source: Path, target: Path) -> Path:
    """Writes the graphs of the files in `source` to `target` and returns `target`.

    About a second the first time; afterwards only checksums are read, until the files change. May be called by several
    processes at once.

    Raises:
        ModelError: a file is missing, damaged or another model, or `target` is something else.
        ExtraError: the package `onnx` is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ExtraError("Lyra's weights are converted by the package onnx: pip install 'voxduct[prepare]'")
    from voxduct.onnx.prepare.lyra.folder import convert

    return convert(source, target)
