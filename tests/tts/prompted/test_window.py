"""Windows over codecs that look ahead: one that one can compute by hand, and a real one of random weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec_exports import dac
from voxduct.audio import Samples
from voxduct.models import Codec, Ints
from voxduct.onnx.codecs import ExportedCodec
from voxduct.tts.prompted.window import WindowedSound, Windows

FRAMES = 60
CODES = np.random.default_rng(5).integers(0, 32, (1, FRAMES))


@dataclass
class LookingCodec:
    """Each sample is the mean of all codes within `reach` frames to either side, farther ones counting less."""

    reach: int
    sample_rate: int = 1000
    frame_size: int = 10
    num_codebooks: int = 1
    cardinality: int = 32

    def new_decoder_state(self) -> object:
        return None

    def new_encoder_state(self) -> object:
        raise AssertionError("nothing is encoded")

    def encode(self, samples: Samples, state: object) -> Ints:
        raise AssertionError("nothing is encoded")

    def decode(self, codes: Ints, state: object) -> Samples:
        weights = 0.5 ** np.abs(np.arange(-self.reach, self.reach + 1))
        means = np.convolve(np.pad(codes[0] / 32, self.reach), weights / weights.sum(), mode="valid")
        return np.repeat(means, self.frame_size).astype(np.float32)


def streamed(codec: Codec, windows: Windows, codes: Ints, pieces: list[int]) -> Samples:
    sound = WindowedSound(codec, windows)
    made, at = [], 0
    for piece in [*pieces, codes.shape[1]]:
        made.append(sound.feed(codes[:, at : at + piece]))
        assert len(made[-1]) % codec.frame_size == 0
        at += piece
        if at >= codes.shape[1]:
            break
    return np.concatenate([*made, sound.flush()])


def windows(before: int = 3, after: int = 2, steps: tuple[int, ...] = (1, 2, 4), fade: int = 10) -> Windows:
    return Windows(before=before, steps=steps, after=after, fade=fade)


@given(st.lists(st.integers(1, 25), max_size=30))
def test_sound_does_not_depend_on_how_frames_come(pieces: list[int]) -> None:
    codec = LookingCodec(reach=9)
    whole = streamed(codec, windows(), CODES, [FRAMES])
    assert len(whole) == FRAMES * codec.frame_size
    assert np.array_equal(streamed(codec, windows(), CODES, pieces), whole)


def test_sound_of_a_codec_that_looks_less_far_than_a_window_is_that_of_the_whole() -> None:
    """Less far, because what is faded into the next window lacks one frame behind it."""
    codec = LookingCodec(reach=1)
    assert np.abs(streamed(codec, windows(), CODES, [1] * FRAMES) - codec.decode(CODES, None)).max() < 1e-6


def test_sound_of_a_codec_that_looks_further_is_nearer_with_more_context() -> None:
    codec = LookingCodec(reach=8)
    whole = codec.decode(CODES, None)
    errors = [
        float(np.abs(streamed(codec, windows(reach, reach), CODES, [1] * FRAMES) - whole).max()) for reach in range(10)
    ]
    assert errors[0] > 0.1 > 0.04 > errors[4] > errors[6]
    assert errors[9] < 1e-6


def test_fading_makes_seams_smaller() -> None:
    codec = LookingCodec(reach=8)
    whole = codec.decode(CODES, None)

    def jump(fade: int) -> float:
        error = streamed(codec, windows(0, 1, (4,), fade), CODES, [FRAMES]) - whole
        return float(np.abs(np.diff(error)).max())

    assert jump(10) < 0.8 * jump(0)


def test_first_window_waits_for_no_more_than_it_needs() -> None:
    sound = WindowedSound(LookingCodec(reach=2), windows(steps=(1, 4), after=2))
    assert [len(sound.feed(CODES[:, at : at + 1])) for at in range(8)] == [0, 0, 10, 0, 0, 0, 40, 0]


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 5, 8])
def test_speech_shorter_than_a_window_is_said_whole(frames: int) -> None:
    codec = LookingCodec(reach=1)
    codes = CODES[:, :frames]
    said = streamed(codec, windows(), codes, [1] * frames)
    assert len(said) == frames * 10
    if frames:
        assert np.abs(said - codec.decode(codes, None)).max() < 1e-6


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> ExportedCodec:
    """DAC, which looks to both sides as SNAC does and is by the same recipe."""
    return ExportedCodec(dac(tmp_path_factory.mktemp("dac")).folder)


def test_sound_of_a_real_codec_is_near_that_of_the_whole(real: ExportedCodec) -> None:
    codes = np.random.default_rng(6).integers(0, real.cardinality, (real.num_codebooks, 80))
    whole = real.decode(codes, real.new_decoder_state())
    loud = float(np.sqrt(np.mean(whole**2)))

    def error(before: int, after: int) -> float:
        return float(np.abs(streamed(real, windows(before, after, (4,)), codes, [1] * 80) - whole).max()) / loud

    assert error(30, 30) < 1e-4
    assert error(8, 8) < error(3, 2) < error(0, 0)
