"""Reading a model folder's JSON, with errors that name the file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnxruntime as ort

from voxduct.errors import ModelError


def read_config(folder: Path, model_type: str, fields: Iterable[str]) -> dict[str, Any]:
    """`config.json` of a model folder; raises ModelError when it is missing, of another type, or lacks fields."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict) or config.get("model_type") != model_type:
        raise ModelError(f"{path} is not of a {model_type!r} model; check which folder was given")
    if missing := [field for field in fields if field not in config]:
        raise ModelError(f"{path} lacks {', '.join(missing)}; was it written by another version?")
    return config


def check_names(session: ort.InferenceSession, path: Path, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Raises ModelError when a graph lacks inputs or outputs that the adapter needs."""
    taken = {value.name for value in session.get_inputs()}
    given = {value.name for value in session.get_outputs()}
    if missing := [name for name in inputs if name not in taken] + [name for name in outputs if name not in given]:
        raise ModelError(f"{path} has no {', '.join(missing)}; it is another kind of graph")
