"""Frames of words, by pointers that work and pointers that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from tests.fakes_speaking import FakeCodec, FakeLm, fake_synthesiser
from voxduct.bench.speaking.word_frames import Traced, WordFrames, word_frames
from voxduct.tts.sentence import Frame, LaggingSound, SpokenSentence
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text.phonemes import SpokenWord

WORDS = [SpokenWord("hello", 1, 3), SpokenWord("dog", 3, 5)]


def test_word_frames_count_the_frames_of_each_phone() -> None:
    found = word_frames([0, 0, 1, 2, 2, 3, 3, 3, 4, 5], WORDS)
    assert found == [WordFrames("hello", (1, 2)), WordFrames("dog", (3, 1))]


def test_word_frames_of_a_word_that_was_jumped_over_are_none() -> None:
    skipped, other = word_frames([0, 3, 4, 5], WORDS)
    assert (skipped.total, skipped.frames, other.total) == (0, (0, 0), 2)


@pytest.mark.parametrize(("frames", "expected"), [((10, 20), False), ((10, 21), True)])
def test_word_that_lasts_longer_than_its_phones_may_is_too_long(frames: tuple[int, ...], expected: bool) -> None:
    assert WordFrames("dog", frames).too_long(0.02) is expected


def test_traced_speech_is_the_same_speech_and_every_word_has_frames() -> None:
    def spoken(traced: Traced | None) -> list[np.ndarray]:
        stream = SpeechStream(fake_synthesiser(FakeLm()), "a", form=traced or SpokenSentence)
        stream.feed("Hello world. The dog!")
        stream.end()
        pieces = []
        while (job := stream.next_job()) is not None:
            pieces.append(job.run())
            stream.receive(pieces[-1])
        return [piece.samples for piece in pieces]  # type: ignore[attr-defined]

    traced = Traced()
    assert np.array_equal(np.concatenate(spoken(traced)), np.concatenate(spoken(None)))
    assert [word.text for word in traced.words] == ["hello", "world", "the", "dog"]
    assert all(min(word.frames) > 0 for word in traced.words)
    assert not traced.went_back


@dataclass
class Wandering:
    """Frames of a pointer that goes back."""

    places: Sequence[int] = (0, 1, 2, 1, 2)
    done: bool = True

    def next_frame(self) -> Frame | None:
        return None


def test_traced_pointer_that_went_back_is_told() -> None:
    traced = Traced()
    traced(Wandering(), LaggingSound(FakeCodec()))
    assert traced.went_back
