from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_hearing import fake_tokenizer
from voxduct.asr.decode.greedy import Decoded, StopReason
from voxduct.asr.recordings.segments import Slice, cut_at_timestamps, slice_words

TOKENIZER = fake_tokenizer()
ALPHA, BRAVO = TOKENIZER.encode(" alpha bravo")
BEGIN = TOKENIZER.timestamp_begin
STEPS = 1_500


def at(step: int) -> int:
    return BEGIN + step


@pytest.mark.parametrize(
    ("tokens", "slices", "seek"),
    [
        ([], [(0, STEPS, ())], None),
        ([at(0), ALPHA], [(0, STEPS, (at(0), ALPHA))], None),
        ([at(5), ALPHA, at(50)], [(0, 50, (at(5), ALPHA, at(50)))], None),
        (
            [at(5), ALPHA, at(50), at(60), BRAVO, at(90)],
            [(5, 50, (at(5), ALPHA, at(50))), (60, 90, (at(60), BRAVO, at(90)))],
            None,
        ),
        ([at(5), ALPHA, at(50), at(60), BRAVO], [(5, 50, (at(5), ALPHA, at(50)))], 50),
        ([at(5), ALPHA, at(50), at(60)], [(5, 50, (at(5), ALPHA, at(50)))], 50),
    ],
    ids=["nothing", "no-pair", "one-open", "complete", "unfinished", "pair-at-the-end"],
)
def test_cut_at_timestamps(tokens: list[int], slices: list[tuple[int, int, tuple[int, ...]]], seek: int | None) -> None:
    found, moved = cut_at_timestamps(tokens, BEGIN, STEPS)
    assert [(one.start, one.end, one.tokens) for one in found] == slices
    assert moved == seek


def test_slice_words_times_follow_the_attention_of_their_tokens() -> None:
    tokens = (at(0), ALPHA, at(20), at(20), BRAVO, at(40))
    attention = np.full((2, len(tokens) + 1, 50), 0.01, np.float32)
    attention[:, 1, 0:18] = attention[:, 4, 22:40] = attention[:, 6, 41:] = 1.0
    decoded = Decoded(tokens, tuple(np.log([0.9, 0.5, 0.9, 0.9, 0.25, 0.9])), attention, 0.0, StopReason.END)
    slices = [Slice(0, tokens[:3], 0, 20), Slice(3, tokens[3:], 20, 40)]
    samples = np.full(50 * 320, 0.1, np.float32)
    ((alpha,), (bravo,)) = slice_words(TOKENIZER, decoded, slices, samples, 320, "en")
    assert (alpha.text, bravo.text) == ("alpha", "bravo")
    assert (alpha.probability, bravo.probability) == (pytest.approx(0.5), pytest.approx(0.25))
    assert alpha.end <= bravo.start == pytest.approx(20 * 320, abs=3 * 320)
    assert bravo.end == pytest.approx(41 * 320, abs=3 * 320)
