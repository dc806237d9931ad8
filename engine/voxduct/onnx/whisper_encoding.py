"""What a Whisper's encoder hands to its decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import onnxruntime as ort

STATES = "last_hidden_state"
ATTENTION = "cross_attentions"  # optional output of a decoder: the alignment heads' weights; `.N` is all of layer N's
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What the encoder said about one window."""

    outputs: dict[str, ort.OrtValue]
    """By name: `last_hidden_state` [1, frames, width]; of a prepared model also the keys and values made of it."""
    frames: int
    """Encoder frames of the window itself, padding left out."""


def checked(given: object, wanted: type[_T]) -> _T:
    """An encoding or state as what it must be; raises TypeError where it came from another model."""
    if not isinstance(given, wanted):
        raise TypeError(f"expected {wanted.__name__}, not {type(given).__name__}")
    return given
