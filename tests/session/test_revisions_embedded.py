"""The embedded recogniser, and itself with more hypotheses as its second pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxduct.audio import AudioFormat, Encoding, Samples
from voxduct.dsp import Resampler
from voxduct.events import Event, Failed, FinalText, RevisedText
from voxduct.loading import EngineOptions, load_engine
from voxduct.models import JobKind
from voxduct.session import Engine, Session, SessionOptions

CLIPS = Path(__file__).parents[2] / "benchmarks" / "data" / "demo"
SAME = "voxduct-tiny-en"
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(EngineOptions(second_asr=SAME, second_beams=12), speaks=False)


def clip() -> Samples:
    samples, rate = soundfile.read(CLIPS / "demo-00.opus", dtype="float32")
    resampler = Resampler(rate)
    return np.concatenate([resampler.feed(samples), resampler.flush(), np.zeros(16_000, np.float32)])


def heard(engine: Engine, *, revisions: bool) -> tuple[list[Event], int]:
    """What is said of the clip, and how many jobs were revisions."""
    session = Session(engine, SessionOptions(revisions=revisions), AudioFormat(16_000, Encoding.F32LE))
    session.receive_audio(clip().astype("<f4").tobytes())
    events: list[Event] = []
    count = 0
    while jobs := session.jobs():
        for job in jobs:
            count += job.kind is JobKind.REVISION
            session.receive_result(job, job.run())
        events += session.events()
    session.end_input()
    return events + session.events(), count


def test_second_recogniser_of_the_same_name_shares_the_weights(engine: Engine) -> None:
    assert engine.second_recogniser is not None
    assert engine.second_recogniser.model is engine.recogniser.model
    assert (engine.recogniser.decoding.beams, engine.second_recogniser.decoding.beams) == (8, 12)


def test_second_pass_of_the_embedded_model_changes_no_final_and_revises_within_it(engine: Engine) -> None:
    events, count = heard(engine, revisions=True)
    plain, none = heard(engine, revisions=False)
    assert [event for event in events if not isinstance(event, RevisedText)] == plain
    finals = {event.utterance: event for event in events if isinstance(event, FinalText)}
    assert count >= len(finals) >= 1
    assert none == 0
    assert not any(isinstance(event, Failed) for event in events)
    text = {number: final.text for number, final in finals.items()}
    for revised in (event for event in events if isinstance(event, RevisedText)):
        final = finals[revised.utterance]
        assert revised.text != text[revised.utterance]
        text[revised.utterance] = revised.text
        assert (revised.start, revised.end) == (final.start, final.end)
        places = [place for word in revised.words for place in (word.start, word.end)]
        assert all(final.start <= place <= final.end + 16_000 for place in places)
        assert 0.0 < revised.confidence <= 1.0
