"""Jobs on a clock that models move: steps of the fake language model take as long as they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.fakes_speaking import FakeLm, fake_synthesiser
from voxduct.bench.speaking.flatness import measure
from voxduct.models import CodeStep, Floats, Ints

LONG = "The cat and the dog, and how are you, hello world, and one two three. " * 4


@dataclass
class TimedLm(FakeLm):
    """`cost(steps)` are the seconds of a step, given the steps run before it in all."""

    cost: Callable[[int], float] = lambda steps: 0.001
    now: float = 0.0
    advance: Callable[[int], float] | None = field(default=lambda step: -1.0)

    def step(self, codes: Ints, phones: Ints, age: Ints, speaker: Floats, state: object) -> CodeStep:
        self.now += self.cost(len(self.fed))
        return super().step(codes, phones, age, speaker, state)


def test_flatness_of_steps_that_cost_the_same_is_one() -> None:
    lm = TimedLm()
    found = measure(fake_synthesiser(lm), LONG, clock=lambda: lm.now)
    assert found["flatness"] == found["flatness_worst"] == 1.0
    assert found["flatness_job_ms"] == pytest.approx(12.0)  # of twelve frames
    assert isinstance(found["flatness_jobs"], int) and found["flatness_jobs"] > 8


def test_flatness_of_steps_that_cost_more_and_more_is_above_one() -> None:
    lm = TimedLm()
    lm.cost = lambda steps: 0.001 + 0.00001 * steps
    found = measure(fake_synthesiser(lm), LONG, clock=lambda: lm.now)
    assert isinstance(found["flatness"], float) and found["flatness"] > 1.2


def test_flatness_of_one_slow_job_shows_in_the_worst_only() -> None:
    lm = TimedLm()
    synthesiser = fake_synthesiser(lm)
    measure(synthesiser, LONG, clock=lambda: lm.now)
    begun, steps = len(lm.fed), (len(lm.fed) - 2) // 3
    slow = steps * 5 // 8  # in the middle of the third of four sentences
    lm.cost = lambda fed: 0.01 if (fed - begun) % steps in range(slow, slow + 12) else 0.001
    found = measure(synthesiser, LONG, clock=lambda: lm.now)
    assert found["flatness"] == 1.0
    assert isinstance(found["flatness_worst"], float) and found["flatness_worst"] > 3


def test_flatness_of_a_word_has_no_steady_jobs() -> None:
    assert measure(fake_synthesiser(), "Hello.")["flatness"] is None
