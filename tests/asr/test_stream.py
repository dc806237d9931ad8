from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asr.following import START, committed_text, followed, run_due
from tests.fakes_hearing import WORDS, FakeWhisper, fake_tokenizer, say, split
from voxduct.asr.decode.greedy import StopReason
from voxduct.asr.live.stream import AsrOptions, AsrStream, Recogniser
from voxduct.asr.options import DecodingOptions
from voxduct.asr.recogniser import Doubt, Window
from voxduct.errors import ModelError
from voxduct.events import CommittedText, Event, Failed, FinalText, PartialText
from voxduct.models import JobKind

TOKENIZER = fake_tokenizer()
EVERY = AsrOptions(coalesce=False)
TEXT = "alpha bravo charlie delta echo foxtrot golf alpha charlie"
SPEECH = say(*TEXT.split(), gap=1_600)
LONG = TEXT.split() * 4  # 18 s


def recogniser(options: AsrOptions = EVERY, decoding: DecodingOptions | None = None) -> tuple[Recogniser, FakeWhisper]:
    model = FakeWhisper(TOKENIZER)
    return Recogniser(model, TOKENIZER, options, decoding), model


def final_of(events: list[Event]) -> FinalText:
    final = events[-1]
    assert isinstance(final, FinalText)
    return final


def test_stream_speech_becomes_its_words() -> None:
    events = followed([SPEECH], recogniser()[0])
    final = final_of(events)
    assert final.text == committed_text(events) == TEXT
    assert (final.utterance, final.start, final.end, final.language) == (7, START, START + SPEECH.size, "en")
    assert final.confidence == pytest.approx(1.0, abs=0.01)


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=30))
def test_stream_any_chunking_says_the_same(cuts: list[int]) -> None:
    assert followed(split(SPEECH, cuts), recogniser()[0]) == EXPECTED


EXPECTED = followed([SPEECH], recogniser()[0])


def test_stream_words_are_where_they_were_said() -> None:
    for i, word in enumerate(final_of(followed([SPEECH], recogniser()[0])).words):
        assert word.start - START == pytest.approx(i * 8_000, abs=1_000)
        assert word.end - START == pytest.approx(i * 8_000 + 6_400, abs=1_000)


def test_stream_partial_is_what_follows_the_committed_text() -> None:
    said = ""
    for event in followed([SPEECH], recogniser()[0]):
        match event:
            case CommittedText():
                said = f"{said} {event.text}".strip()
            case PartialText():
                heard = f"{said} {event.text}".replace("hotel", "").split()  # hotel: a word broken off
                assert TEXT.split()[: len(heard)] == heard
            case _:
                pass


def test_stream_commits_come_soon_after_the_word() -> None:
    stream = AsrStream(recogniser()[0], 0, 0)
    delays = []
    for end in range(0, SPEECH.size, 512):
        stream.feed(SPEECH[end : end + 512])
        for event in run_due(stream):
            if isinstance(event, CommittedText):
                delays += [(end + 512 - word.end) / 16_000 for word in event.words]
    assert np.median(delays) < 1.0
    assert max(delays) < 1.5


@pytest.fixture(scope="module")
def long_run() -> tuple[list[Event], FakeWhisper]:
    shared, model = recogniser()
    return followed([say(*LONG, gap=1_600)], shared), model


def test_stream_long_utterance_encodes_bounded_windows_and_loses_nothing(
    long_run: tuple[list[Event], FakeWhisper],
) -> None:
    events, model = long_run
    assert final_of(events).text == " ".join(LONG)
    assert max(model.windows) <= 1_310  # 12 s, one update, the final tail


def test_stream_words_never_overlap_or_go_back(long_run: tuple[list[Event], FakeWhisper]) -> None:
    words = final_of(long_run[0]).words
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert all(word.start < word.end for word in words)


def test_stream_that_never_agrees_still_has_bounded_windows() -> None:
    class Fickle(FakeWhisper):
        def _nearest(self, peak: int) -> str:
            return WORDS[(WORDS.index(super()._nearest(peak)) + len(self.windows)) % len(WORDS)]

    model = Fickle(TOKENIZER)
    events = followed([say(*LONG, gap=1_600)], Recogniser(model, TOKENIZER, EVERY))
    assert max(model.windows) <= 1_310
    assert len(final_of(events).words) == pytest.approx(len(LONG), abs=4)


def test_stream_committed_words_are_fed_once_and_not_decoded_again() -> None:
    shared, model = recogniser()
    fed: list[int] = []
    decode = model.decode
    model.decode = lambda tokens, state: fed.append(len(tokens)) or decode(tokens, state)  # type: ignore[method-assign, func-returns-value]
    followed([SPEECH], shared)
    assert fed.count(1) <= 3 * len(TEXT.split())


def test_stream_late_coalescing_skips_to_the_newest_update() -> None:
    shared, model = recogniser(AsrOptions(coalesce=True))
    stream = AsrStream(shared, 0, 0)
    stream.feed(SPEECH)
    job = stream.next_job()
    assert job is not None
    assert job.kind is JobKind.UPDATE
    assert job.audio_samples == 12_800 + (SPEECH.size - 12_800) // 6_400 * 6_400
    stream.receive(job.run())
    assert stream.next_job() is None
    assert len(model.windows) == 1


def test_stream_ended_coalescing_goes_straight_to_the_final() -> None:
    stream = AsrStream(recogniser(AsrOptions(coalesce=True))[0], 0, 0)
    stream.feed(SPEECH)
    stream.end(SPEECH.size)
    job = stream.next_job()
    assert job is not None
    assert job.kind is JobKind.FINAL
    assert final_of(stream.receive(job.run())).text == TEXT


def test_stream_one_job_out_at_a_time() -> None:
    stream = AsrStream(recogniser()[0], 0, 0)
    stream.feed(SPEECH)
    assert stream.next_job() is not None
    assert stream.next_job() is None


def test_stream_final_after_silence_is_the_last_update_and_costs_nothing() -> None:
    silence = np.zeros(10_000, np.float32)
    shared, model = recogniser()
    stream = AsrStream(shared, 0, 0)
    stream.feed(np.concatenate([SPEECH, silence]))
    run_due(stream)
    passes = len(model.windows)
    stream.end(SPEECH.size)
    assert final_of(run_due(stream)).text == TEXT
    assert len(model.windows) == passes


def test_stream_cut_within_speech_hears_nothing_beyond_the_cut() -> None:
    end = 3 * 8_000
    assert final_of(followed([SPEECH[: end + 5_000]], recogniser()[0], end)).text == "alpha bravo charlie"


def test_stream_supposed_end_confirmed_is_final_at_once() -> None:
    stream = AsrStream(recogniser(AsrOptions())[0], 7, START)
    stream.feed(say("delta", gap=3_200))
    stream.suppose_end(START + 6_400)
    speculation = stream.speculate()
    assert speculation is not None
    assert speculation.receive(speculation.job.run()) == []
    events = stream.end(START + 6_400)
    assert (final_of(events).text, final_of(events).end) == ("delta", START + 6_400)
    assert stream.next_job() is None


def test_stream_that_computes_every_update_never_speculates() -> None:
    stream = AsrStream(recogniser(EVERY)[0], 7, START)
    stream.feed(say("delta", gap=3_200))
    stream.suppose_end(START + 6_400)
    assert stream.speculate() is None


def test_stream_silence_has_an_empty_final_and_runs_no_model() -> None:
    shared, model = recogniser()
    events = followed([np.zeros(40_000, np.float32)], shared)
    assert events == [FinalText(7, START, START + 40_000, (), 0.0, "en")]
    assert model.windows == []


def test_stream_nothing_fed_has_an_empty_final() -> None:
    assert final_of(followed([], recogniser()[0])).words == ()


def test_stream_failed_update_ends_the_utterance_with_what_was_committed() -> None:
    shared, model = recogniser()
    model.fail_at = 4
    stream = AsrStream(shared, 7, START)
    stream.feed(SPEECH)
    events = run_due(stream)
    assert stream.done
    assert events[-2] == Failed("inference_failed", "recognition failed: out of memory", utterance=7)
    assert final_of(events).text == committed_text(events) != ""


def test_stream_failure_keeps_the_code_of_our_own_errors() -> None:
    stream = AsrStream(recogniser()[0], 7, START)
    failed = stream.fail(ModelError("no such language"))[0]
    assert isinstance(failed, Failed)
    assert failed.code == "bad_model"


def test_stream_done_ignores_everything() -> None:
    stream = AsrStream(recogniser()[0], 0, 0)
    stream.feed(SPEECH)
    job = stream.next_job()
    assert job is not None
    stream.fail(RuntimeError())
    stream.feed(SPEECH)
    stream.end(5)
    assert stream.next_job() is None
    assert stream.receive(job.run()) == []
    assert stream.fail(RuntimeError()) == []


def test_recogniser_improbable_window_is_dropped() -> None:
    window = Window(SPEECH, 0, (), None, 0)
    shared, _ = recogniser(decoding=DecodingOptions(min_logprob=0.1, max_no_speech=-1.0))
    heard = shared.recognise(window)
    assert (heard.words, heard.doubt) == ((), Doubt.UNLIKELY)


def test_recogniser_repetitive_window_is_dropped() -> None:
    shared, _ = recogniser(decoding=DecodingOptions(max_compression=0.5))
    assert shared.recognise(Window(SPEECH, 0, (), None, 0)).doubt is Doubt.REPETITIVE


def test_recogniser_too_many_tokens_are_reported() -> None:
    shared, _ = recogniser(decoding=DecodingOptions(max_tokens_per_s=0.0, spare_tokens=2))
    heard = shared.recognise(Window(SPEECH, 0, (), None, 0))
    assert heard.doubt is Doubt.RATE
    assert len(heard.words) == 2
    assert StopReason.RATE.value == heard.doubt.value


def test_recogniser_short_window_is_filled_up_with_silence() -> None:
    shared, model = recogniser(replace(EVERY, min_window_ms=3_000))
    assert [heard.word.text for heard in shared.recognise(Window(say("delta"), 0, (), None, 0)).words] == ["delta"]
    assert model.windows == [300]


class Counted(FakeWhisper):
    """Counts how often hypotheses were told apart."""

    selections = 0

    def select(self, rows: Sequence[int], state: object) -> None:
        self.selections += 1
        super().select(rows, state)


def test_stream_short_of_time_searches_updates_with_one_beam_and_the_final_with_all() -> None:
    model = Counted(TOKENIZER)
    stream = AsrStream(Recogniser(model, TOKENIZER, EVERY, DecodingOptions(beams=2)), 0, 0)
    stream.frugal = True
    stream.feed(SPEECH)
    events = run_due(stream)
    assert model.selections == 0
    stream.feed(say("delta"))
    stream.end(SPEECH.size + 6_400)
    job = stream.next_job()
    while job is not None and job.kind is not JobKind.FINAL:
        events += stream.receive(job.run())
        job = stream.next_job()
    assert job is not None
    events += stream.receive(job.run())
    assert model.selections > 0
    assert committed_text(events) == f"{TEXT} delta"


def test_stream_with_time_to_spare_searches_updates_with_all_beams() -> None:
    model = Counted(TOKENIZER)
    stream = AsrStream(Recogniser(model, TOKENIZER, EVERY, DecodingOptions(beams=2)), 0, 0)
    stream.feed(SPEECH)
    run_due(stream)
    assert model.selections > 0
