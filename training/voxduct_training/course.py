"""A training of so many minutes, which goes on from its file where it was ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SHOWN_S = 60


class Course:
    """Time, steps, optimizers and the file of one training. The loss, what is shown and when it is judged are others'.

    The file holds the weights (under `name`), the optimizers' states, `spent` seconds, `step`, and `extras`.
    """

    def __init__(
        self,
        path: Path,
        model: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        minutes: float,
        *,
        name: str = "model",
        saved_s: float = 240,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model, self.optimizers = model, optimizers
        self.spent, self.step = 0.0, 0
        self.extras: dict[str, Any] = {}
        self._path, self._name, self._seconds, self._clock = path, name, minutes * 60, clock
        if path.exists():
            self._resume()
        self._every = {"show": SHOWN_S, "save": saved_s}
        self._done = dict.fromkeys(self._every, self.spent)

    def steps(self) -> Iterator[float]:
        """The share of the time that is spent, before each step, until all is; `step` counts from 1."""
        begun = self._clock() - self.spent
        while (spent := self._clock() - begun) < self._seconds:
            self.spent = spent
            self.step += 1
            yield spent / self._seconds

    def set_rate(self, rate: float) -> None:
        """For the next step."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def descend(self, loss: Tensor, *, bf16: bool = False) -> None:
        """One step of every optimizer, gradients clipped to length 1."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for optimizer in self.optimizers:
                optimizer.step()

    def is_due(self, what: str) -> bool:
        """Whether it is time to `show` or to `save` again."""
        due = self.spent - self._done[what] > self._every[what]
        if due:
            self._done[what] = self.spent
        return due

    def save(self) -> None:
        """Whoever ends the training while this writes finds the file of before."""
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        state = {self._name: self.model.state_dict(), "optimizers": states, "spent": self.spent, "step": self.step}
        aside = self._path.with_suffix(".part")
        torch.save(state | self.extras, aside)
        aside.replace(self._path)

    def _resume(self) -> None:
        saved = torch.load(self._path, weights_only=True)
        self.model.load_state_dict(saved.pop(self._name))
        for optimizer, kept in zip(self.optimizers, saved.pop("optimizers", []), strict=False):
            optimizer.load_state_dict(kept)
        self.spent, self.step = saved.pop("spent"), saved.pop("step")
        self.extras = saved


def flat_then_down(step: int, part: float) -> float:
    """Share of the full rate: flat, then down to nothing over the second half, so half-way weights stay useful."""
    return min(1.0, step / 40) * min(1.0, 2.0 * (1.0 - part) + 0.02)
