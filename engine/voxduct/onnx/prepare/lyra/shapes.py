"""How tensors lie in TensorFlow Lite and in the graphs that are made of it: the same numbers in the same order.

Time is the axis 1 of every value there, and as long as a frame. Here it is as long as is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

TIME, CHANNELS = 1, 3
"""Axes of [1, time, 1, channels]."""
HERE = {TIME: 2, CHANNELS: 3}
"""The same axes of [1, 1, time, channels]."""


Time = TypeVar("Time", int, str)


class UnsupportedError(ValueError):
    """An operator says something that has no translation here."""


def moved(shape: Sequence[int], time: Time) -> tuple[int | Time, ...]:
    """A value's shape as it lies here, with another time: [1, time, 1, channels] as [1, 1, time, channels]."""
    if len(shape) == 4:
        if shape[0] != 1 or shape[2] != 1:
            raise UnsupportedError(f"shape {tuple(shape)} is no sound over time (1, time, 1, channels)")
        return (1, 1, time, shape[CHANNELS])
    if len(shape) < 2 or shape[0] != 1:
        raise UnsupportedError(f"shape {tuple(shape)} has no time")
    return (1, time, *shape[2:])
