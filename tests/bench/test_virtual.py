from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say
from voxduct.asr.recogniser import Recogniser
from voxduct.bench.clips import Clip, Placed, Tape
from voxduct.bench.virtual import VirtualSession
from voxduct.models import JobKind
from voxduct.session import Engine

SPEECH = say(*"alpha bravo charlie delta".split(), gap=1_600)
TEXT = "alpha bravo charlie delta"
TAPE = Tape(
    np.concatenate([np.zeros(8_000, np.float32), SPEECH, np.zeros(16_000, np.float32)]),
    (Placed(Clip(Path("none"), TEXT), 0.5, 2.4),),
)


def session(cost: float) -> VirtualSession:
    tokenizer = fake_tokenizer()
    return VirtualSession(Engine(FakeVad(), Recogniser(FakeWhisper(tokenizer), tokenizer)), cost)


def test_virtual_session_without_cost_hears_at_the_moment_of_the_decision() -> None:
    played = session(0.0)
    heard = played.play(TAPE)
    assert heard.text == TEXT
    (stopped, stop), (final, _) = heard.stops[0], heard.finals[0]
    assert stopped == final
    assert 0.0 <= stopped - stop.decided < 0.04  # the chunk in which it was decided
    assert played.spent.jobs[JobKind.UPDATE] >= 3
    assert played.spent.total > 0.0


def test_virtual_session_results_arrive_as_late_as_they_cost() -> None:
    free, dear = session(0.0), session(1e3)
    assert dear.play(TAPE).finals[0][0] > free.play(TAPE).finals[0][0]
    assert dear.heard.text == TEXT
