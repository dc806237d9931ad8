"""A residual quantizer against one that is written down as it is defined, stage by stage."""

from __future__ import annotations

import numpy as np
import pytest

from voxduct.codec.residual import UNUSED, ResidualQuantizer

STAGES, ENTRIES, WIDTH = 12, 8, 20


def books(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(STAGES, ENTRIES, WIDTH)) * 0.9 ** np.arange(STAGES)[:, None, None]).astype(np.float32)


def by_definition(frame: np.ndarray, stages: int) -> list[int]:
    rest, codes = frame.astype(np.float64), []
    for book in books()[:stages].astype(np.float64):
        codes.append(int(((book - rest) ** 2).sum(axis=1).argmin()))
        rest = rest - book[codes[-1]]
    return codes


@pytest.mark.parametrize("stages", [1, 5, STAGES])
def test_encoder_of_some_stages_chooses_the_nearest_of_each(stages: int) -> None:
    encoder, codes = ResidualQuantizer(books()).encoder(stages), np.zeros(stages, np.int64)
    for frame in np.random.default_rng(1).normal(size=(50, WIDTH)).astype(np.float32):
        encoder.encode(frame, codes)
        assert codes.tolist() == by_definition(frame, stages)


def test_decode_of_all_codes_sums_their_entries() -> None:
    codes = np.arange(STAGES) % ENTRIES
    expected = books()[np.arange(STAGES), codes].sum(axis=0)
    assert np.allclose(ResidualQuantizer(books()).decode(codes), expected, atol=1e-5)


def test_decode_of_unused_codes_equals_decode_without_them() -> None:
    quantizer = ResidualQuantizer(books())
    few, padded = np.array([3, 1]), np.array([3, 1, UNUSED, UNUSED])
    assert np.array_equal(quantizer.decode(few), quantizer.decode(padded))
