"""The rule on attention that is made up, and what a stream makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_hearing import FakeWhisper, fake_tokenizer, say, split
from voxduct.asr.live.stream import AsrStream
from voxduct.asr.options import AsrOptions, StreamingPolicy
from voxduct.asr.recogniser import Recogniser, Window
from voxduct.asr.times.alignatt import attended_frames, stable_words
from voxduct.asr.tokenizer import TextWord
from voxduct.events import CommittedText, Event, FinalText
from voxduct.models import BatchStep, Floats, Ints

TOKENIZER = fake_tokenizer()
ALIGN_ATT = AsrOptions(policy=StreamingPolicy.ALIGN_ATT, coalesce=False)
AGREEMENT = replace(ALIGN_ATT, policy=StreamingPolicy.LOCAL_AGREEMENT)
TEXT = "alpha bravo charlie delta echo foxtrot golf alpha charlie"
SPEECH = say(*TEXT.split(), gap=1_600)
LONG = TEXT.split() * 4  # 18 s


def spelt(*lengths: int, first: int = 0) -> list[TextWord]:
    """Words of so many tokens each, from token `first` on."""
    starts = np.cumsum([first, *lengths])
    return [TextWord("word", (0,) * n, int(at)) for n, at in zip(lengths, starts, strict=False)]


def at(*frames: int) -> Ints:
    return np.array(frames, np.int64)


def test_attended_frames_are_those_of_the_mean_over_heads() -> None:
    attention = np.zeros((2, 2, 5), np.float32)
    attention[0, 0, 1], attention[1, 0, 3] = 0.4, 0.6
    attention[:, 1, 4] = 0.1
    assert attended_frames(attention).tolist() == [3, 4]


def test_stable_words_stop_before_the_word_that_lies_at_the_edge() -> None:
    assert stable_words(spelt(1, 1, 1), at(10, 30, 92, 99), heard=100, held=10) == 1  # the second is not followed yet
    assert stable_words(spelt(1, 1, 1), at(10, 30, 89, 99), heard=100, held=10) == 2


def test_stable_words_wait_for_the_end_of_the_text_to_leave_the_edge() -> None:
    assert stable_words(spelt(1, 1), at(10, 30, 90), heard=100, held=10) == 1
    assert stable_words(spelt(1, 1), at(10, 30, 89), heard=100, held=10) == 2


def test_stable_words_edge_is_that_of_the_audio_not_of_the_padding() -> None:
    assert stable_words(spelt(1, 1), at(10, 30, 70), heard=75, held=10) == 1


def test_stable_words_cut_within_a_word_leaves_all_of_it() -> None:
    assert stable_words(spelt(1, 3), at(10, 80, 85, 95, 99), heard=100, held=10) == 1


def test_stable_words_after_forced_ones_are_counted_alone() -> None:
    assert stable_words(spelt(1, 1, first=2), at(3, 60, 70, 75, 96), heard=100, held=10) == 1


def test_stable_words_none_are_none() -> None:
    assert stable_words([], at(99), heard=100, held=10) == 0


def test_stable_words_attention_that_jumps_back_is_not_trusted() -> None:
    assert stable_words(spelt(1, 1, 1), at(10, 70, 44, 75), heard=100, held=10) is None
    assert stable_words(spelt(1, 1, 1), at(10, 70, 45, 75), heard=100, held=10) == 3


def test_stable_words_attention_that_is_stuck_is_not_trusted() -> None:
    stuck = [20, 21] * 4
    assert stable_words(spelt(*[1] * 9), at(5, *stuck, 40), heard=100, held=10) is None
    assert stable_words(spelt(*[1] * 8), at(5, *stuck[1:], 40), heard=100, held=10) == 8


def test_stable_words_without_attention_to_the_end_cannot_be_told() -> None:
    assert stable_words(spelt(1, 1), at(10, 30), heard=100, held=10) is None


@given(
    steps=st.lists(st.integers(0, 20), min_size=2, max_size=20),
    heard=st.integers(1, 300),
    held=st.integers(0, 60),
    more=st.integers(0, 40),
)
def test_stable_words_more_audio_or_a_narrower_edge_never_takes_a_word_back(
    steps: list[int], heard: int, held: int, more: int
) -> None:
    frames, words = np.cumsum(steps).astype(np.int64), spelt(*[1] * (len(steps) - 1))
    known = stable_words(words, frames, heard, held)
    for other in (stable_words(words, frames, heard + more, held), stable_words(words, frames, heard, held // 2)):
        assert (known is None) == (other is None)
        assert known is None or other is None or known <= other <= len(words)


@given(places=st.lists(st.integers(0, 120), min_size=1, max_size=12), held=st.integers(0, 60))
def test_stable_words_never_reach_the_edge(places: list[int], held: int) -> None:
    count = stable_words(spelt(*[1] * (len(places) - 1)), at(*places), 100, held)
    assert count is None or all(place < 100 - held for place in places[: count + 1][: len(places) if count else 0])


def recogniser(options: AsrOptions = ALIGN_ATT, model: FakeWhisper | None = None) -> Recogniser:
    return Recogniser(model or FakeWhisper(TOKENIZER), TOKENIZER, options)


def followed(chunks: Iterable[Floats], shared: Recogniser) -> list[tuple[int, Event]]:
    """Events, and how much had been fed when they came."""
    stream = AsrStream(shared, 0, 0)
    events: list[tuple[int, Event]] = []
    fed = 0
    for chunk in [*chunks, None]:
        if chunk is None:
            stream.end(fed)
        else:
            stream.feed(chunk)
            fed += chunk.size
        while (job := stream.next_job()) is not None:
            events += [(fed, event) for event in stream.receive(job.run())]
    return events


def commits(events: Iterable[tuple[int, Event]]) -> list[CommittedText]:
    return [event for _, event in events if isinstance(event, CommittedText)]


def final_text(events: list[tuple[int, Event]]) -> str:
    final = events[-1][1]
    assert isinstance(final, FinalText)
    return final.text


EXPECTED = [event for _, event in followed([SPEECH], recogniser())]


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=30))
def test_stream_by_attention_any_chunking_says_the_same(cuts: list[int]) -> None:
    assert [event for _, event in followed(split(SPEECH, cuts), recogniser())] == EXPECTED


def test_stream_by_attention_commits_each_word_once_and_in_order() -> None:
    events = followed([say(*LONG, gap=1_600)], recogniser())
    said = " ".join(event.text for event in commits(events))
    assert said == final_text(events) == " ".join(LONG)
    words = [word for event in commits(events) for word in event.words]
    assert all(before.end <= after.start for before, after in pairwise(words))


@pytest.mark.parametrize(("options", "committed"), [(ALIGN_ATT, ["alpha bravo charlie"]), (AGREEMENT, [])])
def test_stream_first_pass_commits_by_attention_only(options: AsrOptions, committed: list[str]) -> None:
    stream = AsrStream(recogniser(replace(options, coalesce=True)), 0, 0)
    stream.feed(SPEECH[: 4 * 8_000])
    job = stream.next_job()
    assert job is not None
    events = stream.receive(job.run())
    assert [event.text for event in events if isinstance(event, CommittedText)] == committed


def test_stream_by_attention_never_commits_a_word_that_breaks_off() -> None:
    committed = {word.text for event in commits(followed([SPEECH], recogniser())) for word in event.words}
    assert "hotel" not in committed  # what the fake hears in half a word


def test_stream_without_attention_falls_back_to_agreement() -> None:
    class Blind(FakeWhisper):
        def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
            return replace(super().decode_batch(tokens, state), attention=None)

    blind, agreeing = (followed([SPEECH], recogniser(o, Blind(TOKENIZER))) for o in (ALIGN_ATT, AGREEMENT))
    assert blind == agreeing
    assert final_text(blind) == TEXT


def test_recogniser_attention_that_runs_backwards_is_not_trusted() -> None:
    class Backwards(FakeWhisper):
        def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
            step = super().decode_batch(tokens, state)
            return replace(step, attention=None if step.attention is None else step.attention[..., ::-1])

    heard = recogniser(model=Backwards(TOKENIZER)).recognise(Window(SPEECH, 0, (), None, 0))
    assert len(heard.words) == len(TEXT.split())
    assert heard.stable is None


def test_recogniser_by_attention_counts_stable_words_only_where_that_is_the_policy() -> None:
    window = Window(say("alpha", "bravo", "charlie")[:16_000], 0, (), None, 0)
    heard = recogniser().recognise(window)
    assert [word.word.text for word in heard.words] == ["alpha", "bravo", "hotel"]
    assert heard.stable == 1
    assert recogniser(AGREEMENT).recognise(window).stable is None


@pytest.mark.parametrize(
    ("policy", "update_ms"), [(StreamingPolicy.ALIGN_ATT, 600), (StreamingPolicy.LOCAL_AGREEMENT, 300)]
)
def test_options_delay_is_what_is_held_back_and_the_passes_that_a_word_waits_for(
    policy: StreamingPolicy, update_ms: int
) -> None:
    options = AsrOptions(policy=policy).with_delay(800)
    assert (options.hold_back_ms, options.update_ms) == (200, update_ms)


@pytest.mark.parametrize("delay_ms", [0, 199, 10_001])
def test_options_delay_out_of_range_is_refused(delay_ms: int) -> None:
    with pytest.raises(ValueError, match="between 200 and 10000"):
        AsrOptions().with_delay(delay_ms)


@pytest.mark.parametrize("policy", list(StreamingPolicy))
def test_stream_commits_within_the_delay(policy: StreamingPolicy) -> None:
    shared = recogniser(replace(ALIGN_ATT, policy=policy).with_delay(1_000))
    pieces = np.split(SPEECH, range(512, SPEECH.size, 512))
    for fed, event in followed(pieces, shared):
        if isinstance(event, CommittedText):
            assert all(fed - word.end <= 16_000 + 3_200 for word in event.words)  # and a little for times and chunks
