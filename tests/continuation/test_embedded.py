"""The embedded continuation model on bundled clips."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.bundled import demo_clips
from voxduct.continuation.options import ContinuationOptions
from voxduct.continuation.prompt import PromptTail
from voxduct.continuation.stream import ContinuationStream, Continuer
from voxduct.loading import EngineOptions, load_continuer

PROMPTS = [clip.samples()[: 3 * SAMPLE_RATE] for clip in demo_clips()[:2]]
FRAME = SAMPLE_RATE // 50


@pytest.fixture(scope="module")
def continuer() -> Continuer:
    return load_continuer(EngineOptions())


def continued(continuer: Continuer, prompt: Samples, seconds: float = 1.5, seed: int = 1) -> Samples:
    tail, pieces = PromptTail(), []
    tail.feed(prompt)
    stream = ContinuationStream(continuer, continuer.hear(tail.take()), ContinuationOptions(seconds=seconds, seed=seed))
    while (piece := stream.next_samples()) is not None:
        pieces.append(piece)
    return np.concatenate(pieces)


def test_continuation_longer_begins_with_the_shorter_and_depends_on_the_seed(continuer: Continuer) -> None:
    long, short = continued(continuer, PROMPTS[0]), continued(continuer, PROMPTS[0], seconds=0.8)
    np.testing.assert_array_equal(long[: len(short)], short)
    assert not np.array_equal(long, continued(continuer, PROMPTS[0], seed=2))


@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_continuation_goes_on_as_loud_as_its_prompt_without_falling_silent(continuer: Continuer, number: int) -> None:
    made = continued(continuer, PROMPTS[number], seconds=4)
    assert len(made) == 4 * SAMPLE_RATE
    assert np.abs(made).max() < 1
    levels = [10 * np.log10(np.mean(np.square(sound)) + 1e-12) for sound in (made, PROMPTS[number])]
    assert abs(levels[0] - levels[1]) < 12  # dB
    quiet = np.abs(made.reshape(-1, FRAME)).max(axis=1) < 0.002
    assert max((len(list(run)) for silent, run in groupby(quiet) if silent), default=0) < 50  # a second
