"""What `bench peers` says to an engine in a process of its own, and what that answers: one JSON object a line.

`Load` is the first order and is answered by `Loaded`, every `Run` by `Ran`; either by `Failed` instead. The engine
ends when its stdin does.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Load(msgspec.Struct, frozen=True, kw_only=True, tag="load"):
    """Take up a model."""

    folder: str
    """In the layout that this engine reads."""
    threads: int
    spinning: bool = False
    """Let our idle threads spin; the others do as they are wont to."""


class Run(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Recognise one clip."""

    path: str
    """A `.npy` file of float32 samples, shape [n], at 16 kHz."""
    window: int
    """Samples that an engine of any window length pads the clip to; the others pad to 30 s."""
    budget: int | None
    """Tokens to choose, neither more nor fewer; None lets the text end by itself."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag="loaded"):
    """A model is ready."""

    seconds: float
    """Imports, reading, and whatever else came before the first clip."""
    peak_bytes: int
    """The process's greatest resident memory so far (VmHWM)."""
    version: str


class Ran(msgspec.Struct, frozen=True, kw_only=True, tag="ran"):
    """A clip is recognised."""

    seconds: float
    """From samples to text."""
    processor_s: float
    """Of all threads of the process, meanwhile."""
    features_s: float
    encode_s: float
    tokens: int
    """Chosen by the decoder, the end not counted."""
    text: str
    peak_bytes: int

    @property
    def model_s(self) -> float:
        """All but the features."""
        return self.seconds - self.features_s

    @property
    def decode_s(self) -> float:
        """All but features and encoder."""
        return self.model_s - self.encode_s


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """It could not be done."""

    reason: str


Order: TypeAlias = Load | Run
Reply: TypeAlias = Loaded | Ran | Failed
