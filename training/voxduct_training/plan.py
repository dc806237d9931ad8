"""How long a training of the recogniser is, what it hears when, and how fast it learns.

Everything that changes over the training (learning rate, utterance length, batch size, augmentation) follows
the fraction of the budget spent, so a slower machine gets a shorter training of the same form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from voxduct_training.batches import Lesson

WARM_UP = 150  # steps


def lesson_at(progress: float) -> Lesson:
    """The curriculum: short and clean first; longer, cut off, timed and noisier later."""
    if progress < 0.07:
        return Lesson(longest=1.6, batch=14, strength=0.0, silence=0.2)
    if progress < 0.18:
        return Lesson(longest=2.8, batch=16, strength=0.1, empty=0.01, silence=0.2)
    if progress < 0.32:
        return Lesson(longest=4.5, batch=20, strength=0.2, cut=0.08, empty=0.02, timed=0.1)
    if progress < 0.72:
        return Lesson(longest=6.0, batch=22, strength=0.3, cut=0.1, empty=0.02, timed=0.1, mask=0.2, chunked=0.3)
    silence = 0.5 if progress < 0.88 else 1.0
    lesson = Lesson(longest=10.0, batch=28, strength=0.55, cut=0.12, empty=0.03, timed=0.1, silence=silence)
    return replace(lesson, mask=0.2, chunked=0.3)


def rate_at(progress: float, step: int) -> float:
    """Warm-up by steps, then a fall to zero by the clock: flat at first, linear in the second part."""
    fall = min(1.0, (1.0 - min(progress, 1.0)) / 0.7)
    return min(1.0, (step + 1) / WARM_UP) * fall


@dataclass(frozen=True)
class Plan:
    """How long a run is and how it computes."""

    seconds: float
    enter: float = 0.0  # fraction of the curriculum that the first weights have behind them
    rate: float = 1.0  # times the usual learning rates
    batch: float = 1.0  # times the lesson's seconds of audio in each process's step
    bf16: bool = False
    longest: float | None = None  # seconds of an utterance, instead of the lesson's
    device: str = "cpu"  # where the network computes

    def lesson(self, progress: float) -> Lesson:
        """The lesson at a fraction of this run."""
        found = lesson_at(self.enter + (1 - self.enter) * progress)
        return replace(found, batch=found.batch * self.batch, longest=self.longest or found.longest)
