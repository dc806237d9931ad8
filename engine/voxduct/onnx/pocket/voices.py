"""Voices of Pocket TTS: clips that are heard when the model is loaded, or what somebody's program made of one.

voices/NAME.wav           a few seconds of somebody; needs mimi_encoder.onnx
voices/NAME.safetensors   conditioning of one tensor [1, n, conditioning], or the language model's states by
                          `module/key` of bundle.json, as kyutai-labs/pocket-tts exports them
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from voxduct.errors import ModelError
from voxduct.models import Floats
from voxduct.onnx.pocket.graph import Array, Memory, MemoryGraph

LONGEST_CLIP_S = 30
_TYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}


def read_clip(path: Path, encoder: MemoryGraph | None, sample_rate: int, conditioning: int) -> Floats:
    """What the encoder hears in a clip, shape [n, conditioning]; raises ModelError."""
    if encoder is None:
        raise ModelError(f"{path} is a clip, and hearing it needs mimi_encoder.onnx; fetch that as well")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except Exception as error:  # the library's own errors
        raise ModelError(f"{path} is no sound: {error}") from error
    clip = soxr.resample(samples.mean(axis=1)[: rate * LONGEST_CLIP_S], rate, sample_rate)
    if not len(clip):
        raise ModelError(f"{path} is empty; take a clip of a few seconds")
    (found, *_), _ = encoder.run({encoder.inputs[0]: np.asarray(clip, np.float32)[None, None]}, {})
    heard: Floats = found.reshape(-1, conditioning).astype(np.float32)
    return heard


def read_tensors(path: Path) -> dict[str, Array]:
    """A file of safetensors: a length of eight bytes, JSON about each tensor, their data. Raises ModelError."""
    try:
        data = path.read_bytes()
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size])
        found = {}
        for name, about in header.items():
            if name == "__metadata__":
                continue
            start, end = about["data_offsets"]
            flat: Array = np.frombuffer(data[8 + size + start : 8 + size + end], _TYPES[about["dtype"]])
            found[name] = flat.reshape(about["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f"{path} is no file of safetensors: {error!r}; fetch it again") from error
    return found


def conditioning_of(tensors: Mapping[str, Array], size: int) -> Floats | None:
    """The only tensor, where it is conditioning, as [n, size]; else None."""
    if len(tensors) != 1:
        return None
    (only,) = tensors.values()
    return only.reshape(-1, size).astype(np.float32) if only.ndim >= 2 and only.shape[-1] == size else None


def state_of(
    path: Path, tensors: Mapping[str, Array], states: Sequence[Mapping[str, Any]], start: Memory
) -> dict[str, Array]:
    """States by `module/key`; a cache that is shorter than the graph's goes to its beginning. Raises ModelError."""
    memory, known = dict(start), 0
    for entry in states:
        module, key, name = entry.get("module"), entry.get("key"), str(entry["input_name"])
        given = tensors.get(f"{module}/{key}")
        if given is None and key == "step":
            given = tensors.get(f"{module}/offset")
        if given is None:
            continue
        target = start[name].copy()
        given = given.reshape(target.shape) if given.size == target.size else given
        if given.ndim != target.ndim or any(a > b for a, b in zip(given.shape, target.shape, strict=True)):
            raise ModelError(f"{path} has {module}/{key} of shape {given.shape}, the model takes {target.shape}")
        target[tuple(slice(size) for size in given.shape)] = given
        memory[name] = target
        known += 1
    if not known:
        raise ModelError(f"{path} has no states of this model; it is a voice of another one")
    return memory
