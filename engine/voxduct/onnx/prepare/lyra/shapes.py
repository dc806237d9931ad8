"""How tensors lie in TensorFlow Lite and in the graphs that are made of it: in the same order, with fewer axes."""

from __future__ import annotations

from collections.abc import Sequence

TIME, CHANNELS = 1, 3
"""Axes of [1, time, 1, channels]."""
HERE = {TIME: 0, CHANNELS: 1}
"""The same axes of [time, channels]."""


class UnsupportedError(ValueError):
    """An operator says something that has no translation here."""


def moved(shape: Sequence[int]) -> tuple[int, ...]:
    """A tensor's shape as it lies here: [1, time, 1, channels] as [time, channels], others as they are."""
    if len(shape) != 4:
        return tuple(shape)
    if shape[0] != 1 or shape[2] != 1:
        raise UnsupportedError(f"shape {tuple(shape)} is no sound over time (1, time, 1, channels)")
    return (shape[TIME], shape[CHANNELS])
