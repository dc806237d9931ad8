from __future__ import annotations

import numpy as np
import pytest

from tests.fakes_speaking import FakeLm, fake_code_vectors, fake_config, fake_voice
from voxduct.models import Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.codes import CodeStream
from voxduct.tts.sampling import SamplingOptions, request_rng
from voxduct.tts.shaping.mixed_codes import MixedCodes
from voxduct.tts.voice_codes import VoiceCodes
from voxduct.tts.voices import prime

PHONES = [2, 10, 20, 21, 22, 3]


def drawn(lm: FakeLm, name: str) -> VoiceCodes:
    """Codes that need no random numbers: what voices draw apart they draw together, if their pointers agree."""
    config = fake_config(sampling=SamplingOptions(temperature=0.0))
    return VoiceCodes(lm, config, prime(fake_voice(name, frames=4 * len(name)), lm, config), request_rng(0, 0))


def frames_of(stream: CodeStream) -> Ints:
    frames = []
    while (frame := stream.next_frame()) is not None:
        frames.append(frame)
    return np.array(frames)


def test_code_vectors_nearest_of_a_vector_is_the_codes_it_was_made_of() -> None:
    tables = np.random.default_rng(0).normal(size=(3, 16, 8)) * np.array([100.0, 10.0, 1.0])[:, None, None]
    vectors = CodeVectors(tables.astype(np.float32))
    for codes in ([0, 0, 0], [3, 15, 7], [15, 1, 9]):
        assert vectors.nearest(vectors.vector(np.array(codes))).tolist() == codes


def test_code_vectors_nearest_takes_book_by_book_what_is_left() -> None:
    vectors = CodeVectors(np.array([[[0.0], [10.0]], [[-2.0], [3.0]]], np.float32))
    assert vectors.nearest(np.array([12.0], np.float32)).tolist() == [1, 1]
    assert vectors.nearest(np.array([1.0], np.float32)).tolist() == [0, 1]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_mixed_codes_frames_are_the_weighted_means_of_what_each_voice_draws(share: float) -> None:
    steady = FakeLm(lambda n: -99.0)  # every phone as long as it may be, whoever speaks
    alone = [
        frames_of(CodeStream(drawn(steady, name), fake_config(), PHONES, np.random.default_rng(0)))
        for name in ("ada", "benny")
    ]
    mixed = MixedCodes([drawn(steady, "ada"), drawn(steady, "benny")], (share, 1 - share), fake_code_vectors())
    found = frames_of(CodeStream(mixed, fake_config(), PHONES, np.random.default_rng(0)))
    assert found.shape == alone[0].shape == alone[1].shape
    assert not np.array_equal(alone[0], alone[1])
    between = share * alone[0].sum(axis=1) + (1 - share) * alone[1].sum(axis=1)  # the fake's vectors are the codes
    assert np.abs(found.sum(axis=1) - between).max() <= 0.5 + 1e-3


def test_mixed_codes_voices_follow_one_pointer() -> None:
    eager, slow = FakeLm(lambda n: 9.0), FakeLm(lambda n: -9.0)
    mostly_eager = MixedCodes([drawn(eager, "ada"), drawn(slow, "benny")], (0.9, 0.1), fake_code_vectors())
    assert len(frames_of(CodeStream(mostly_eager, fake_config(), PHONES, np.random.default_rng(0)))) == len(PHONES)
    mostly_slow = MixedCodes([drawn(eager, "ada"), drawn(slow, "benny")], (0.1, 0.9), fake_code_vectors())
    assert len(frames_of(CodeStream(mostly_slow, fake_config(), PHONES, np.random.default_rng(0)))) == 9 * len(PHONES)
    told = [[(phones.tolist(), age.tolist()) for _, phones, age in lm.fed if len(age) == 1] for lm in (eager, slow)]
    assert told[0] == told[1]


def test_code_vectors_stretched_mind_what_is_stretched_and_not_what_is_shrunk_to_nothing() -> None:
    vectors = CodeVectors(np.array([[[0.0, 0.0], [4.0, 1.0]]], np.float32))
    wanted = np.array([0.0, 1.0], np.float32)
    for factors, code in (([1.0, 1.0], 0), ([0.0, 1.0], 1), ([1.0, 6.0], 1)):
        stretched = vectors.stretched(np.array(factors, np.float32))
        assert stretched.nearest(wanted * np.array(factors, np.float32)).tolist() == [code]
        assert stretched.parameters is None
