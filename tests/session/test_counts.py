from __future__ import annotations

import numpy as np

from tests.fakes_hearing import FakeVad, FakeWhisper, fake_tokenizer, say
from voxduct.asr.gate import Doubt, GateOptions
from voxduct.asr.recogniser import Recogniser
from voxduct.audio import AudioFormat
from voxduct.events import FinalText
from voxduct.models import Floats
from voxduct.offline import hear
from voxduct.server.engine_backend import EngineBackend
from voxduct.session import Engine, Session
from voxduct.session.counts import GATE_LAYERS, GateCounts
from voxduct.vad import Refusal

TOKENIZER = fake_tokenizer()
PAUSE = np.zeros(32 * FakeVad.frame_size, np.float32)


def engine(gate: GateOptions | None = None) -> Engine:
    return Engine(FakeVad(), Recogniser(FakeWhisper(TOKENIZER), TOKENIZER, gate=gate))


def stopped(engine: Engine, audio: Floats) -> dict[str, int]:
    """What the gate's layers stopped while `audio` was heard."""
    list(hear(engine, iter([audio])))
    return {layer: count for layer, count in engine.counts.gate.by_layer.items() if count}


def test_gate_layers_are_all_counted_from_the_start_in_their_order() -> None:
    names = [*(layer.value for layer in Refusal), *(layer.value for layer in Doubt)]
    assert list(GateCounts().by_layer) == names == [layer.value for layer in GATE_LAYERS]
    assert set(GateCounts().by_layer.values()) == {0}


def test_gate_speech_that_is_believed_counts_nowhere() -> None:
    assert stopped(engine(), np.concatenate([say("alpha", "bravo", gap=800), PAUSE])) == {}


def test_gate_every_pass_that_is_not_believed_counts_once_in_its_layer() -> None:
    doubting = engine(GateOptions(min_focus=0.5))
    audio = np.concatenate([PAUSE, say("alpha", gap=0), PAUSE])
    events = list(hear(doubting, iter([audio])))
    assert [event.text for event in events if isinstance(event, FinalText)] == [""]
    by_layer = doubting.counts.gate.by_layer
    assert by_layer["attention"] >= 1
    assert sum(by_layer.values()) == by_layer["attention"]


def test_gate_sound_too_short_to_be_speech_counts_as_brief() -> None:
    blip = say("alpha")[: 2 * FakeVad.frame_size]
    assert stopped(engine(), np.concatenate([PAUSE, blip, PAUSE, blip, PAUSE])) == {"brief": 2}


def test_engine_counts_of_all_sessions_are_what_the_backend_tells() -> None:
    shared = engine(GateOptions(min_focus=0.5))
    audio = np.concatenate([say("alpha", gap=0), PAUSE])
    once = stopped(shared, audio)["attention"]
    assert stopped(shared, audio)["attention"] == 2 * once
    told = EngineBackend(shared).counters()
    assert told["gate"]["attention"] == 2 * once
    assert told["speculations"] == {"started": 0, "used": 0, "dropped": 0}
    assert isinstance(EngineBackend(shared).open_session(AudioFormat(), None), Session)
