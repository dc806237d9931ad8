"""What a Whisper's encoder hands to its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnxruntime as ort

from voxduct.onnx.graph import as_value

STATES = "last_hidden_state"
FRAMES = -2  # the axis of time in all that an encoder says
ATTENTION = "cross_attentions"  # optional output of a decoder: the alignment heads' weights; `.N` is all of layer N's
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What the encoder said about one window."""

    outputs: dict[str, ort.OrtValue]
    """By name: `last_hidden_state` [1, frames, width]; of a prepared model also the keys and values made of it."""
    frames: int
    """Encoder frames of the window itself, padding left out."""


def join(encodings: Sequence[Encoding], drop: int, take: int | None = None) -> Encoding:
    """Encodings of consecutive frames as one, without the first `drop` frames; then so many, or all."""
    count = sum(encoding.frames for encoding in encodings) - drop
    count = count if take is None else min(take, count)
    parts = {name: [encoding.outputs[name].numpy() for encoding in encodings] for name in encodings[0].outputs}
    joined = {name: np.concatenate(arrays, axis=FRAMES)[..., drop : drop + count, :] for name, arrays in parts.items()}
    outputs = {name: as_value(np.ascontiguousarray(array)) for name, array in joined.items()}
    return Encoding(outputs, count)


def checked(given: object, wanted: type[_T]) -> _T:
    """An encoding or state as what it must be; raises TypeError where it came from another model."""
    if not isinstance(given, wanted):
        raise TypeError(f"expected {wanted.__name__}, not {type(given).__name__}")
    return given
