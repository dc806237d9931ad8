"""Streams whose audio is encoded once, chunk by chunk. (The real encoder: tests/training/test_encoder_streaming.py.)"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asr.following import START, committed_text, followed
from tests.fakes_hearing import fake_tokenizer, say, split
from tests.fakes_listening import FakeStreamingWhisper
from voxduct.asr.live.stream import AsrOptions, AsrStream, Recogniser
from voxduct.events import Event, FinalText
from voxduct.models import Job

TOKENIZER = fake_tokenizer()
EVERY = AsrOptions(coalesce=False)
TEXT = "alpha bravo charlie delta echo foxtrot golf alpha charlie"
SPEECH = say(*TEXT.split(), gap=1_600)
LONG = say(*TEXT.split() * 4, gap=1_600)  # 18 s, and windows of at most 12


def recogniser(options: AsrOptions = EVERY, streaming_frames: int = 1_500) -> tuple[Recogniser, FakeStreamingWhisper]:
    model = FakeStreamingWhisper(TOKENIZER, streaming_frames)
    return Recogniser(model, TOKENIZER, options), model


def run(stream: AsrStream, job: Job | None) -> list[Event]:
    return [] if job is None else stream.receive(job.run())


EXPECTED = followed([SPEECH], recogniser()[0])


def test_listening_speech_becomes_its_words_where_they_were_said() -> None:
    final = EXPECTED[-1]
    assert isinstance(final, FinalText)
    assert final.text == committed_text(EXPECTED) == TEXT
    for i, word in enumerate(final.words):
        assert word.start - START == pytest.approx(i * 8_000, abs=1_000)
        assert word.end - START == pytest.approx(i * 8_000 + 6_400, abs=1_000)


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=30))
def test_listening_any_chunking_says_the_same(cuts: list[int]) -> None:
    assert followed(split(SPEECH, cuts), recogniser()[0]) == EXPECTED


def test_listening_every_frame_is_encoded_once() -> None:
    shared, model = recogniser()
    assert committed_text(followed(split(LONG, range(0, LONG.size, 3_000)), shared)) == " ".join(TEXT.split() * 4)
    assert model.windows == []
    assert [first for first, _ in model.chunks[1:]] == [first + frames for first, frames in model.chunks[:-1]]
    assert LONG.size // 320 - 20 < sum(model.chunks[-1]) <= LONG.size // 320 + shared.options.final_tail_ms // 20


def test_listening_that_is_switched_off_hears_windows() -> None:
    shared, model = recogniser(replace(EVERY, incremental=False))
    assert committed_text(followed([SPEECH], shared)) == TEXT
    assert model.chunks == []
    assert model.windows


def test_listening_update_whose_place_the_final_takes_leaves_no_trace() -> None:
    shared, model = recogniser(AsrOptions())
    stream = AsrStream(shared, 0, 0)
    stream.feed(SPEECH[:30_000])
    events = run(stream, stream.next_job())
    stream.feed(SPEECH[30_000:60_000])
    late = stream.next_job()
    assert late is not None
    late.run()  # on another thread, say; what it returns comes too late
    stream.feed(SPEECH[60_000:])
    stream.end(SPEECH.size)
    final = stream.next_job()
    assert committed_text([*events, *run(stream, final)]) == TEXT
    assert [first for first, _ in model.chunks] == [0, model.chunks[0][1], model.chunks[0][1]]


def test_listening_utterance_longer_than_the_positions_begins_anew_and_loses_nothing() -> None:
    options = replace(EVERY, max_window_s=4.0, keep_window_s=2.0)
    shared, model = recogniser(options, streaming_frames=400)
    assert committed_text(followed([LONG], shared)) == " ".join(TEXT.split() * 4)
    begun = [frames for first, frames in model.chunks if first == 0]
    assert len(begun) == 4
    assert max(sum(chunk) for chunk in model.chunks) <= 400


def test_listening_quiet_beginning_is_heard_with_what_follows() -> None:
    quiet = np.full(24_000, 1e-5, np.float32)
    shared, model = recogniser()
    assert committed_text(followed([np.concatenate([quiet, SPEECH])], shared)) == TEXT
    assert model.chunks[0][1] > 24_000 // 320
