from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.fakes_speaking import BOOKS, FakeLm, fake_synthesiser, fake_voice, melodic_code_vectors
from voxduct.events import SpeechAudio
from voxduct.models import Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.shaping.contour import Contour
from voxduct.tts.shaping.intonation import MOST, IntonedCodes
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TtsOptions

LAG = 3


@dataclass
class Falling:
    """Pitch falls by one every frame; a frame is complete three steps after it was begun. No model."""

    start: int = 40
    steps: int = 0

    def step(self, window: Ints, age: int, end: int | None) -> float:
        self.steps += 1
        return 0.0

    def frame(self) -> Ints | None:
        number = self.steps - 1 - LAG
        return np.array([max(self.start - number, 0), 20, 0, 0]) if number >= 0 else None


def intoned(targets: list[list[float]], frames: list[int], lengths: list[float] | None = None) -> Ints:
    """Frames of phones that last `frames`, shape [frames, books]."""
    contour = Contour(np.array(targets), frozenset(range(len(targets))))
    codes = IntonedCodes(Falling(), contour, lengths or [float(count) for count in frames], melodic_code_vectors())
    made = []
    ages = [age for count in frames for age in range(count)]
    for age in (*ages, *[9] * LAG):
        codes.step(np.zeros(4, np.int64), age, len(ages) if codes.steps >= len(ages) else None)
        if (frame := codes.frame()) is not None:
            made.append(frame)
    return np.array(made)


def test_intoned_codes_frames_before_the_first_gesture_are_those_that_were_drawn() -> None:
    made = intoned([[0, 0, 0], [12, 0, 0]], [5, 10])
    assert made[:5, 0].tolist() == [40, 39, 38, 37, 36]
    assert made[-1, 0] == 26 + 12


def test_intoned_codes_values_go_straight_to_their_target_at_the_phones_end() -> None:
    made = intoned([[0, 0, 0], [10, 5, 0], [0, 0, 0]], [5, 10, 10])
    above = made[:, 0] - (40 - np.arange(25))
    assert above[5:15].tolist() == list(range(1, 11))
    assert above[15:].tolist() == list(range(9, -1, -1))
    assert made[14, 1] == 25 and made[24, 1] == 20


def test_intoned_codes_held_pitch_stays_where_vowels_had_it() -> None:
    made = intoned([[0, 0, 0], [0, 0, 1], [0, 0, 1]], [5, 4, 12])
    assert np.ptp(made[9:, 0]) == 0
    assert 36 <= made[-1, 0] <= 40


@pytest.mark.parametrize("frames", [[5, 1, 8], [5, 2, 8], [5, 30, 8]])
def test_intoned_codes_phones_that_last_otherwise_than_expected_make_no_jump(frames: list[int]) -> None:
    made = intoned([[0, 0, 0], [9, 0, 0], [9, 0, 0]], frames, [5.0, 6.0, 8.0])
    above = made[:, 0] - np.maximum(40 - np.arange(len(made)), 0)
    assert np.diff(above).max() <= np.ceil(MOST[0])
    assert np.diff(above).min() >= 0
    assert above[-1] == 9


TEXTS = ["Hello world, are you the dog?", "Hello *world*, the cat.", "The HELLO dog! Are you *one*?", "Hello?"]
VECTORS = melodic_code_vectors()


def said(
    text: str, cut: int = 10_000, voice: str = "ada", vectors: CodeVectors | None = VECTORS, **options: object
) -> np.ndarray:
    made = fake_synthesiser(options=TtsOptions(**options), vectors=vectors, mixes=vectors is not None)  # type: ignore[arg-type]
    stream = SpeechStream(made, "a", voice, 3)
    events = []
    for start in range(0, len(text), cut):
        stream.feed(text[start : start + cut])
    stream.end()
    while (job := stream.next_job()) is not None:
        events += stream.receive(job.run())
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("voice", ["ada", "ada+ben"])
def test_synthesiser_marked_sentences_sound_different_and_last_as_long(text: str, voice: str) -> None:
    plain, marked = said(text, voice=voice, intonation=False), said(text, voice=voice)
    assert plain.shape == marked.shape
    assert not np.array_equal(plain, marked)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("voice", ["ada", "ada+ben"])
def test_synthesiser_marked_sentences_in_any_pieces_and_jobs_are_the_same_samples(text: str, voice: str) -> None:
    whole = said(text, voice=voice)
    for cut, jobs in ((1, (1,)), (4, (3, 16)), (7, (50,))):
        assert np.array_equal(said(text, cut, voice, job_frames=jobs), whole)


@pytest.mark.parametrize("text", ["Hello world.", "Hello, how are you?", "The dog, the cat!"])
@pytest.mark.parametrize("voice", ["ada", "ada+ben"])
def test_synthesiser_plain_sentences_are_the_samples_that_they_were(text: str, voice: str) -> None:
    assert np.array_equal(said(text, voice=voice), said(text, voice=voice, intonation=False))


@pytest.mark.parametrize("text", TEXTS)
def test_synthesiser_of_a_codec_whose_parameters_nobody_knows_leaves_the_melody_alone(text: str) -> None:
    unknown = CodeVectors(np.zeros((BOOKS, 64, 2), np.float32))
    assert np.array_equal(said(text, vectors=unknown), said(text, vectors=None))


def test_synthesiser_question_of_clauses_is_judged_by_all_of_them() -> None:
    synthesiser = fake_synthesiser(vectors=VECTORS)
    (asked,) = synthesiser.parts("the dog and you?", "how are you one,")
    (alone,) = synthesiser.parts("the dog and you?")
    assert getattr(asked, "contour", 0) is None
    assert getattr(alone, "contour", None) is not None


def test_synthesiser_language_model_hears_what_it_drew_and_not_what_was_made_of_it() -> None:
    fed = []
    for options in (TtsOptions(), TtsOptions(intonation=False)):
        lm = FakeLm()
        synthesiser = fake_synthesiser(lm, options, [fake_voice()], vectors=VECTORS)
        stream = SpeechStream(synthesiser, "a", None, 0)
        stream.feed("Are you *one* dog?")
        stream.end()
        while (job := stream.next_job()) is not None:
            stream.receive(job.run())
        fed.append([codes.tolist() for codes, _, _ in lm.fed])
    assert fed[0] == fed[1]
