"""Voices are told apart by embeddings that point in different directions."""

from __future__ import annotations

import numpy as np
import pytest

from voxduct.bench.contrast import contrast
from voxduct.models import Floats


def near(direction: Floats, spread: float, seed: int, count: int = 8) -> Floats:
    noise = np.random.default_rng(seed).standard_normal((count, direction.size))
    found = direction + spread * noise
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


FIRST, SECOND = np.eye(2, 32, dtype=np.float32)


def test_contrast_of_two_directions_tells_all_apart() -> None:
    found = contrast(near(FIRST, 0.02, 1), near(SECOND, 0.02, 2))
    assert found.told_apart == 1.0
    assert found.likeness > 0.95
    assert found.likeness_other < 0.3


def test_contrast_of_one_direction_tells_about_half_apart() -> None:
    found = contrast(near(FIRST, 0.1, 1, 200), near(FIRST, 0.1, 2, 200))
    assert found.told_apart == pytest.approx(0.5, abs=0.15)
    assert found.likeness == pytest.approx(found.likeness_other, abs=0.02)
