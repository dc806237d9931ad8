from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from tests.fakes_speaking import fake_synthesiser, melodic_code_vectors, spectral_code_vectors
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.codec.stretches import SpeechDecoder, WireCodec
from voxduct.events import Event, SpeechAudio, SpeechAudioEnded, SpeechCodes, SpeechWord, SpeechWords
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.sentence import CodedSentence, FrameSound, FrameSource, Sentence, SentenceForm, SpokenSentence
from voxduct.tts.shaping.breath import AFTER_S, LONG_CHARACTERS, BreathedFrames, Breathing
from voxduct.tts.shaping.inhalation import LONGEST_S, SHORTEST_S
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text.phonemes import SpokenWord
from voxduct.tts.text_to_speech import TtsOptions

LONG = "the apple and the dog and the cat and the world are one two three"
SENTENCES = f"Hello {LONG}, how are you {LONG}. One. You and {LONG}. Two."
FRAME = 320
VECTORS = spectral_code_vectors()


def said(
    text: str = SENTENCES,
    *,
    cut: int = 10_000,
    vectors: CodeVectors = VECTORS,
    voice: str = "ada",
    seed: int = 3,
    form: SentenceForm = SpokenSentence,
    **options: object,
) -> list[Event]:
    synthesiser = fake_synthesiser(options=TtsOptions(**options), vectors=vectors)  # type: ignore[arg-type]
    stream = SpeechStream(synthesiser, "a", voice, seed, form)
    events: list[Event] = []
    for start in range(0, len(text), cut):
        stream.feed(text[start : start + cut])
        while (job := stream.next_job()) is not None:
            events += stream.receive(job.run())
    stream.end()
    while (job := stream.next_job()) is not None:
        events += stream.receive(job.run())
    assert stream.done
    return events


def sound(events: Sequence[Event]) -> Samples:
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


def words_of(events: Sequence[Event]) -> list[SpeechWord]:
    return [word for event in events if isinstance(event, SpeechWords) for word in event.words]


@cache
def breathed() -> list[Event]:
    return said(breath=True)


def breathing_parts(text: str) -> list[str]:
    """Of each part that is spoken after a breath, the first word."""
    found: list[str] = []

    def form(frames: FrameSource, sound: FrameSound, pause: int, words: Sequence[SpokenWord]) -> Sentence:
        if isinstance(frames, BreathedFrames):
            found.append(words[0].text)
        return SpokenSentence(frames, sound, pause, words)

    said(text, form=form, breath=True)
    return found


@given(st.integers(0, 10**7), st.integers(0, 200))
def test_breathing_comes_when_enough_was_said_or_for_much_that_is_to_be_said(samples: int, characters: int) -> None:
    enough = samples >= AFTER_S * SAMPLE_RATE or characters >= LONG_CHARACTERS
    assert Breathing(SAMPLE_RATE).breathes(samples, "a" * characters) == enough


def test_breathing_counts_from_the_last_breath() -> None:
    breathing = Breathing(100)
    moments = (200, 250, 300, 499, 500, 501)
    assert [at for at in moments if breathing.breathes(at, "short")] == [250, 500]


def test_speech_stream_breathes_before_sentences_only_and_never_first() -> None:
    assert breathing_parts(SENTENCES) == ["one", "two"], "neither a first clause nor the second of its sentence"
    assert breathing_parts(f"Hello {LONG} {LONG}.") == []
    assert breathing_parts("Hello. One. Two.") == [], "no need of a breath"
    assert breathing_parts(f"One. Hello {LONG} {LONG}.") == ["hello"], "a deep breath for much to say"


def test_speech_stream_by_default_does_not_breathe() -> None:
    assert not TtsOptions().breath
    assert np.array_equal(sound(said()), sound(said(breath=False)))
    assert len(sound(said())) < len(sound(breathed()))


@pytest.mark.parametrize("vectors", [melodic_code_vectors(), CodeVectors(VECTORS._tables)])
def test_synthesiser_of_a_codec_whose_spectrum_nobody_knows_never_breathes(vectors: CodeVectors) -> None:
    assert np.array_equal(sound(said(vectors=vectors, breath=True)), sound(said(vectors=vectors)))


@pytest.mark.parametrize(("cut", "jobs"), [(1, (1,)), (7, (3, 16)), (40, (50,))])
@pytest.mark.parametrize("voice", ["ada", "ada+ben"])
def test_speech_stream_with_breaths_in_any_pieces_and_jobs_is_the_same(
    cut: int, jobs: tuple[int, ...], voice: str
) -> None:
    whole, pieces = said(voice=voice, breath=True), said(voice=voice, cut=cut, job_frames=jobs, breath=True)
    assert np.array_equal(sound(pieces), sound(whole))
    assert words_of(pieces) == words_of(whole)


def test_speech_stream_with_breaths_says_the_words_as_without_them_later_by_the_breaths() -> None:
    plain, breathing = said(), breathed()
    later = [word.start - before.start for before, word in zip(words_of(plain), words_of(breathing), strict=True)]
    assert later == sorted(later) and later[0] == 0 and len(set(later)) == 3, "two breaths"
    for before, word in zip(words_of(plain), words_of(breathing), strict=True):
        assert word.text == before.text and word.end - word.start == before.end - before.start
        middle = slice(before.start + FRAME, before.end), slice(word.start + FRAME, word.end)  # behind a fade
        assert np.array_equal(sound(breathing)[middle[1]], sound(plain)[middle[0]])


def test_speech_stream_breath_lies_between_the_pause_and_the_words() -> None:
    words, samples = words_of(breathed()), sound(breathed())
    before, after = next((a, b) for a, b in pairwise(words) if b.start - a.end > 4_000)
    assert (before.text, after.text) == ("three", "one")
    pause = TtsOptions().sentence_pause_ms * SAMPLE_RATE // 1000
    silent = sliding_window_view(samples[before.end : after.start] == 0.0, pause).all(axis=1)
    breath = after.start - before.end - pause - np.flatnonzero(silent)[-1]
    assert SHORTEST_S * SAMPLE_RATE - FRAME <= breath <= LONGEST_S * SAMPLE_RATE + FRAME


def test_speech_stream_breaths_as_codes_become_the_samples_of_pcm() -> None:
    coded = [event for event in said(form=CodedSentence, breath=True) if isinstance(event, SpeechCodes | SpeechWords)]
    decoder = SpeechDecoder(WireCodec.of(fake_synthesiser().codec, "own", "1", FRAME))
    decoded = [decoder.decode(event.sound) for event in coded if isinstance(event, SpeechCodes)]
    assert np.abs(np.concatenate(decoded) - sound(breathed())).max() < 1e-6
    assert words_of(coded) == words_of(breathed())


def test_speech_stream_breaths_are_those_of_the_seed() -> None:
    assert np.array_equal(sound(said(breath=True)), sound(breathed()))
    lengths = {len(sound(said(seed=seed, breath=True))) - len(sound(said(seed=seed))) for seed in range(6)}
    assert len(lengths) > 1, "one breath is not like another"


def test_speech_stream_that_is_cancelled_in_a_breath_ends_at_once() -> None:
    synthesiser = fake_synthesiser(options=TtsOptions(breath=True, job_frames=(1,)), vectors=VECTORS)
    stream = SpeechStream(synthesiser, "a", "ada", 3)
    stream.feed(SENTENCES)
    words, size = words_of(breathed()), 0
    end = next(word.end for word, after in pairwise(words) if after.start - word.end > 4_000)
    while size < end + 4_000 and (job := stream.next_job()) is not None:
        size += sum(event.size for event in stream.receive(job.run()) if isinstance(event, SpeechAudio))
    (ended,) = stream.cancel()
    assert isinstance(ended, SpeechAudioEnded) and ended.samples == size
    assert stream.next_job() is None
