"""Follows one utterance, computing whatever falls due at once."""

from __future__ import annotations

from collections.abc import Iterable

from voxduct.asr.live.stream import AsrStream, Recogniser
from voxduct.events import CommittedText, Event
from voxduct.models import Floats

START = 12_345
"""Where the utterance begins."""


def run_due(stream: AsrStream) -> list[Event]:
    events: list[Event] = []
    while (job := stream.next_job()) is not None:
        try:
            events += stream.receive(job.run())
        except RuntimeError as error:
            events += stream.fail(error)
    return events


def followed(chunks: Iterable[Floats], shared: Recogniser, end: int | None = None) -> list[Event]:
    stream = AsrStream(shared, 7, START)
    events: list[Event] = []
    fed = 0
    for chunk in chunks:
        stream.feed(chunk)
        fed += chunk.size
        events += run_due(stream)
    stream.end(START + (fed if end is None else end))
    events += run_due(stream)
    assert stream.done
    return events


def committed_text(events: Iterable[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, CommittedText))
