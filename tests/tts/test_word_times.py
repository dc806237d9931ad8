"""When words are spoken, held against the frames that the pointer gave to their phones."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.fakes_speaking import FakeCodec, FakeLm, fake_synthesiser
from tests.tts.test_stream import TEXT, sound, speak
from voxduct.events import Event, SpeechAudio, SpeechWord, SpeechWords
from voxduct.tts import synthesiser as synthesisers
from voxduct.tts.codes import CodeStream
from voxduct.tts.text.normalise import spoken_words
from voxduct.tts.text.phonemes import SpokenWord
from voxduct.tts.text_to_speech import TtsOptions
from voxduct.tts.word_times import WordTimes, shifted

FRAME = FakeCodec.frame_size


def words_of(events: list[Event]) -> list[SpeechWord]:
    return [word for event in events if isinstance(event, SpeechWords) for word in event.words]


def test_word_times_are_where_the_pointer_was() -> None:
    words = [SpokenWord("a", 1, 2), SpokenWord("bc", 2, 4)]
    places = [0, 0, 1, 1, 1, 2, 3, 3, 4]
    times = WordTimes(words, 100)
    assert times.ended(places[:5], 0, 300, last=False) == ()
    assert times.ended(places[:6], 0, 599, last=False) == ()  # known, but not all of it made
    assert times.ended(places[:7], 0, 600, last=False) == (SpeechWord("a", 300, 600),)
    assert times.ended(places, 0, 1000, last=True) == (SpeechWord("bc", 600, 900),)
    assert times.ended(places, 0, 1000, last=True) == ()


def test_word_times_count_from_what_is_left_after_the_silence() -> None:
    (word,) = WordTimes([SpokenWord("a", 1, 2)], 100).ended([0, 0, 1, 1], 350, 100, last=True)
    assert word == SpeechWord("a", 0, 100)  # the cut went into the word, and the sound ends with it


def test_shifted_words_are_later() -> None:
    assert shifted((SpeechWord("a", 1, 2),), 10) == (SpeechWord("a", 11, 12),)


def test_speech_stream_says_every_word_once_in_order_within_its_sound() -> None:
    synthesiser = fake_synthesiser()
    events = speak(synthesiser, [TEXT])
    words = words_of(events)
    expected = [word for word in spoken_words(TEXT, synthesiser.phonemizer.knows) if word[0].isalpha()]
    assert [word.text for word in words] == expected
    total = len(sound(events))
    assert all(0 <= word.start < word.end <= total for word in words)
    assert all(one.end <= other.start for one, other in pairwise(words))


def test_speech_stream_words_come_before_the_sound_in_which_they_end() -> None:
    made = 0
    pending: list[SpeechWord] = []
    events = speak(fake_synthesiser(), [TEXT])
    for event in events:
        match event:
            case SpeechWords(words=words):
                pending = list(words)
                assert all(word.end > made for word in words)
            case SpeechAudio():
                made += len(event.samples)
                assert all(word.end <= made for word in pending)
            case _:
                pass
    assert pending


@pytest.mark.parametrize("sizes", [(1,), (2, 3, 5), (1000,)])
def test_speech_stream_any_job_sizes_give_the_same_words(sizes: tuple[int, ...]) -> None:
    events = speak(fake_synthesiser(options=TtsOptions(job_frames=sizes)), [TEXT])
    assert words_of(events) == words_of(speak(fake_synthesiser(), [TEXT]))


def test_speech_stream_words_are_the_frames_of_their_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found anew from the outside: the codes' places, the decoder's frame of delay, and the pause between sentences."""
    made: list[CodeStream] = []

    class Watched(CodeStream):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(synthesisers, "CodeStream", Watched)
    synthesiser = fake_synthesiser(FakeLm())
    pause = synthesiser.options.sentence_pause_ms * 16
    events = speak(synthesiser, ["Hello world. Two cats."])
    hello, world, two, _ = words_of(events)
    sizes = [(len(stream.places) + 3 + 1) * FRAME for stream in made]
    assert len(made) == 2

    def frames(stream: CodeStream, first: int, last: int) -> int:
        return sum(first <= place < last for place in stream.places) * FRAME

    assert hello.end - hello.start == frames(made[0], 1, 5)  # hh ax l ow, after the pause at 0
    assert world.end - world.start == frames(made[0], 5, 9)
    assert world.start == hello.end
    assert two.end - two.start == frames(made[1], 1, 3)
    after = len(sound(events)) - two.start
    assert 0 < two.start - world.end - pause <= sizes[0]
    assert after < sizes[1]


def test_speech_stream_long_sentence_spoken_in_parts_has_all_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesisers, "LONGEST_PIECE_PHONES", 12)
    events = speak(fake_synthesiser(), ["hello world hello dog hello apple hello cat hello you"])
    words = words_of(events)
    assert [word.text for word in words] == "hello world hello dog hello apple hello cat hello you".split()
    assert all(one.end <= other.start for one, other in pairwise(words))
    assert words[-1].end <= len(sound(events))


CLAUSES = "Hello the apple and the dog, how are you the cat?"


def test_speech_stream_words_of_clauses_are_the_frames_of_their_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[CodeStream] = []

    class Watched(CodeStream):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(synthesisers, "CodeStream", Watched)
    events = speak(fake_synthesiser(), [CLAUSES])
    words = words_of(events)
    assert [word.text for word in words] == "hello the apple and the dog how are you the cat".split()
    _, second = made
    how = words[6]
    assert how.end - how.start == sum(1 <= place < 3 for place in second.places) * FRAME  # hh aw
    after = len(second.places) - sum(place < 1 for place in second.places)
    assert len(sound(events)) - how.start == after * FRAME


def test_speech_stream_words_behind_a_clause_are_later_by_its_pause() -> None:
    without, later = (
        words_of(speak(fake_synthesiser(options=TtsOptions(clause_pause_ms=pause)), [CLAUSES])) for pause in (0, 40)
    )
    assert list(later) == [*without[:6], *shifted(without[6:], 640)]
