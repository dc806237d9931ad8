"""How a code is drawn from logits: seeded, nucleus within top-k, repetition-aware. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.dsp import Doubles
from voxduct.models import Floats

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """Nucleus sampling (Holtzman et al., 2020) and repetition-aware sampling (VALL-E 2, Chen et al., 2024)."""

    temperature: float = 0.7
    """0 takes the likeliest code."""
    top_p: float = 0.8
    """The likeliest codes that hold this much of the probability stay; the first always does."""
    top_k: int = 25
    repetition_window: int = 0
    """Codes looked back on by repetition-aware sampling; 0 switches it off, VALL-E 2 uses 10."""
    repetition_share: float = 0.1
    """A drawn code that fills this share of the window or more is drawn again from the whole distribution."""


def request_rng(seed: int, sentence: int) -> Rng:
    """The random numbers of one sentence of one request; the same on every machine."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed % 2**64, sentence])))


def draw_thresholds(count: int, middle: float, spread: float, rng: Rng) -> Doubles:
    """How unlikely staying has to be until the phone pointer moves on, for each of `count` phones; shape [count].

    What the network says of moving on is a distribution over durations, and a threshold is a quantile of it: even
    draws from `middle - spread` to `middle + spread` take durations from that part of it, and 0.5 with a spread of 0.5
    from all of it (inverse transform sampling). The numbers are of a child of `rng`, so codes get the ones they
    always got; without a spread there is no child.
    """
    if spread == 0.0:
        return np.full(count, middle)
    (own,) = rng.spawn(1)
    drawn: Doubles = middle + spread * (2.0 * own.random(count) - 1.0)
    return drawn


def draw_nucleus(logits: Floats, options: SamplingOptions, rng: Rng) -> int:
    """One code from logits of shape [cardinality]. Takes one random number, unless the temperature is 0."""
    if options.temperature <= 0:
        return int(logits.argmax())
    count = min(options.top_k, logits.size)
    top = np.argpartition(logits, -count)[-count:]
    top = top[np.lexsort((top, -logits[top]))]
    chance = np.exp((logits[top] - logits[top[0]]) / options.temperature)
    chance /= chance.sum()
    chance[np.cumsum(chance) - chance >= options.top_p] = 0.0
    return int(top[_place(chance, rng)])


def draw(logits: Floats, history: Sequence[int], options: SamplingOptions, rng: Rng) -> int:
    """One code, given the codes drawn before it (the newest last).

    A code that already fills `repetition_share` of the last `repetition_window` ones is drawn again from the full
    softmax, which breaks loops without forbidding the sounds that do last.
    """
    code = draw_nucleus(logits, options, rng)
    window = options.repetition_window
    if window and list(history[-window:]).count(code) >= options.repetition_share * window:
        chance = np.exp(logits - logits.max())
        return _place(chance, rng)
    return code


def _place(chance: Floats, rng: Rng) -> int:
    """An index, as likely as `chance` (any positive scale) says."""
    total = np.cumsum(chance, dtype=np.float64)
    place = np.searchsorted(total, rng.random() * total[-1], side="right")
    return int(min(place, np.flatnonzero(chance)[-1]))
