"""Trainings by the clock: how long, when to show and save, and going on from the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import torch

from voxduct_training.course import Course, flat_then_down


def course(path: Path, minutes: float, seconds: float, saved_s: float = 240) -> Course:
    """Of one weight, each step of which takes so many seconds."""
    clock: Iterator[float] = (number * seconds for number in count())
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    optimizers = [torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)]
    return Course(path, model, optimizers, minutes, saved_s=saved_s, clock=lambda: next(clock))


def descend(one: Course) -> None:
    one.descend(one.model(torch.ones(1)).sum())


def test_course_ends_when_its_minutes_are_spent(tmp_path: Path) -> None:
    one = course(tmp_path / "a.pt", minutes=1, seconds=20)
    assert [round(part, 3) for part in one.steps()] == [0.333, 0.667]
    assert (one.spent, one.step) == (40, 2)


def test_course_shows_every_minute_and_saves_as_often_as_told(tmp_path: Path) -> None:
    one = course(tmp_path / "a.pt", minutes=5, seconds=25, saved_s=100)
    due = [(one.spent, one.is_due("show"), one.is_due("save")) for _ in one.steps()]
    assert [spent for spent, show, _ in due if show] == [75, 150, 225]
    assert [spent for spent, _, save in due if save] == [125, 250]


def test_course_that_was_ended_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, first = course(tmp_path / "whole.pt", 2, 20), course(tmp_path / "parts.pt", 1, 20)
    first.extras["quantize"] = True
    for one in (whole, first):
        for _ in one.steps():
            descend(one)
    first.save()
    second = course(tmp_path / "parts.pt", 2, 20)
    assert (second.spent, second.step, second.extras) == (40, 2, {"quantize": True})
    for _ in second.steps():
        descend(second)
    assert second.step == whole.step
    assert torch.equal(second.model.weight, whole.model.weight)
    assert not list(tmp_path.glob("*.part"))


def test_course_steps_are_no_longer_than_the_gradient_may_be(tmp_path: Path) -> None:
    one = course(tmp_path / "a.pt", minutes=1, seconds=1)
    one.set_rate(0.5)
    one.descend(one.model(torch.full((1,), 100.0)).sum())
    assert one.model.weight.item() == pytest.approx(0.5)


def test_rate_rises_stays_and_falls_to_almost_nothing() -> None:
    assert [flat_then_down(step, part) for step, part in ((10, 0.0), (40, 0.2), (900, 0.5))] == [0.25, 1.0, 1.0]
    assert flat_then_down(2000, 1.0) == pytest.approx(0.02)
