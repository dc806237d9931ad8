"""How a mixture of voices is named: `ada+ben`, `ada:0.7+ben:0.3`, `ada:2+ben+otto`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxduct.errors import VoiceError

MOST_VOICES = 4  # each is one more run of the model for every frame
WEIGHT = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Mixture:
    """Voices by name and how much of each, in the order of their names: the order they were given in says nothing."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    """Positive, of sum 1."""


def names_mixture(name: str) -> bool:
    """Whether this is meant to be a mixture, right or wrong."""
    return "+" in name


def parse_mixture(name: str) -> Mixture:
    """Two to four names joined by `+`, each with a weight after a colon or of weight 1.

    Raises:
        VoiceError: too few or too many, one of them twice, or a weight that is no positive number.
    """
    parts = name.split("+")
    if not 2 <= len(parts) <= MOST_VOICES:
        raise VoiceError(f"{len(parts)} voices cannot be mixed; name 2 to {MOST_VOICES}", param="voice")
    weights: dict[str, float] = {}
    for part in parts:
        voice, colon, weight = part.partition(":")
        if voice in weights:
            raise VoiceError(f"{voice!r:.60} is twice in {name!r:.60}; name each voice once", param="voice")
        weights[voice] = _weight(weight, name) if colon else 1.0
    total = sum(weights.values())
    names = tuple(sorted(weights))
    return Mixture(names, tuple(weights[voice] / total for voice in names))


def refuse_mixture(name: str) -> None:
    """For models whose voices do not mix: raises VoiceError where a mixture is named."""
    if names_mixture(name):
        raise VoiceError(
            f"the voices of this model cannot be mixed as {name!r:.60} asks; name one of them",
            param="voice",
        )


def _weight(text: str, name: str) -> float:
    value = float(text) if WEIGHT.fullmatch(text) else 0.0
    if value <= 0:
        raise VoiceError(
            f"the weight {text!r:.30} in {name!r:.60} is no positive number; write a mixture as ada:0.7+ben:0.3",
            param="voice",
        )
    return value
