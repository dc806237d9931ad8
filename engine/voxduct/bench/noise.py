"""Does the recogniser keep quiet where nobody speaks, and does it still hear whoever does?

Words: seeded streams of sounds that are not speech (`voxduct.bench.sounds`) go through whole sessions, the same code
as live; every committed word is one too many. Each layer of the hallucination gate is counted meanwhile.

Onsets: clips are mixed into the same kinds of noise at several ratios of speech to noise, and judged by the session's
VAD stage. An onset is recalled when a span of speech covers it that began no later than 100 ms after it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.clips import Clip
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, rounded
from voxduct.bench.sounds import NOISES, VARIED, Random, Sound, loudness, white
from voxduct.events import Event, FinalText, SpeechStarted, SpeechStopped
from voxduct.models import VadModel
from voxduct.offline import hear
from voxduct.session import Engine
from voxduct.session.counts import GATE_LAYERS, EngineCounts
from voxduct.vad import VadOptions, VadStage, levels_db

KINDS = (*NOISES, "varied")
LEVELS_DB = (-45.0, -9.0)  # between which each scene's RMS is drawn, dB of full scale
STEADY_S, VARIED_S, REST_S = (15.0, 30.0), (4.0, 12.0), (0.3, 2.0)  # lengths of scenes, and of the rests between
REST_DB = -75.0
SPEECH_DB = -26.0  # RMS of the clips
RATIOS_DB = (20.0, 10.0)  # speech over noise
LATE = SAMPLE_RATE // 10  # samples after its onset at which an utterance may begin at the latest
ONSET_FRAME = SAMPLE_RATE // 100
ONSET_DB, CLEAN_DB = 35.0, 40.0  # below a clip's loud parts: its onset, and what its own noise must stay under


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseOptions:
    """How much is heard."""

    minutes: float = 1.0
    """Of each kind."""
    seed: int = 2026
    kinds: tuple[str, ...] = KINDS


@dataclass(slots=True)
class Outcome:
    """What became of one kind."""

    utterances: int = 0
    words: list[str] = field(default_factory=list)


def measure(engine: Engine, clips: Sequence[Clip], options: NoiseOptions) -> Figures:
    """Words in noise, counts of the gate's layers, and recall of the clips' onsets."""
    figures: Figures = {"minutes": options.minutes, "seed": options.seed}
    engine = replace(engine, counts=EngineCounts())
    before, total = time.process_time(), 0
    for kind in tracked(options.kinds, "noise"):
        outcome = words_in_noise(engine, kind, options.minutes, options.seed)
        total += len(outcome.words)
        figures |= {f"words_{kind}": len(outcome.words), f"utterances_{kind}": outcome.utterances}
    heard_s = 60.0 * options.minutes * len(options.kinds)
    figures |= {"words": total, "rtf": rounded((time.process_time() - before) / heard_s)}
    by_layer = engine.counts.gate.by_layer
    figures |= {f"gate_{layer.value}": by_layer[layer.value] for layer in GATE_LAYERS}
    return figures | onset_recall(engine.vad, clips, options)


def words_in_noise(engine: Engine, kind: str, minutes: float, seed: int) -> Outcome:
    """Hears one kind of noise."""
    outcome = Outcome()
    for event in hear(engine, stream(kind, minutes, seed)):
        match event:
            case SpeechStarted():
                outcome.utterances += 1
            case FinalText():
                outcome.words += [word.text for word in event.words]
            case _:
                pass
    return outcome


def stream(kind: str, minutes: float, seed: int, level_db: float | None = None) -> Iterator[Samples]:
    """Scenes of one kind, each at a level of its own or at `level_db`; the same for the same seed."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    left = round(60.0 * minutes * SAMPLE_RATE)
    while left > 0:
        scene = _scene(random, kind, level_db)[:left]
        left -= scene.size
        yield scene


def _scene(random: Random, kind: str, level_db: float | None) -> Samples:
    level = random.uniform(*LEVELS_DB) if level_db is None else level_db
    if kind != "varied":
        return loudness(NOISES[kind](random, _samples(random, STEADY_S)), level)
    sound: Sound = VARIED[random.integers(len(VARIED))]
    rest = loudness(white(random, _samples(random, REST_S)), REST_DB)
    return np.concatenate([loudness(sound(random, _samples(random, VARIED_S)), level), rest])


def _samples(random: Random, seconds: tuple[float, float]) -> int:
    return int(random.uniform(*seconds) * SAMPLE_RATE)


def onset_recall(vad: VadModel, clips: Sequence[Clip], options: NoiseOptions) -> Figures:
    """Over all conditions together, and of each; clips with noise of their own are left out."""
    spoken = [loudness(clip.samples().astype(np.float64), SPEECH_DB) for clip in clips]
    spoken = [samples for samples in spoken if onset(samples) is not None]
    conditions = [("silence", None), *((kind, ratio) for kind in KINDS[1:] for ratio in RATIOS_DB)]
    figures: Figures = {}
    recalled = 0
    for kind, ratio in tracked(conditions, "onsets"):
        found = _recalled(vad, spoken, kind, ratio, options.seed)
        recalled += found
        name = "quiet" if ratio is None else f"{kind}_{ratio:.0f}db"
        figures[f"onset_recall_{name}"] = rounded(found / len(spoken)) if spoken else None
    count = len(spoken) * len(conditions)
    return {"onsets": count, "onset_recall": rounded(recalled / count) if count else None} | figures


def _recalled(vad: VadModel, spoken: Sequence[Samples], kind: str, ratio: float | None, seed: int) -> int:
    """How many clips' onsets are recalled on one tape of them, a second and a half apart."""
    gap, onsets, pieces, position = SAMPLE_RATE * 3 // 2, [], [], 0
    for samples in spoken:
        onsets.append(position + gap + (onset(samples) or 0))
        pieces += [np.zeros(gap, np.float32), samples]
        position += gap + samples.size
    tape = np.concatenate([*pieces, np.zeros(gap, np.float32)])
    if ratio is not None:
        minutes = (tape.size + SAMPLE_RATE) / SAMPLE_RATE / 60.0
        tape += np.concatenate(list(stream(kind, minutes, seed, SPEECH_DB - ratio)))[: tape.size]
    spans = speech_spans(vad, tape)
    return sum(any(start <= place + LATE and place < end for start, end in spans) for place in onsets)


def speech_spans(vad: VadModel, samples: Samples) -> list[tuple[int, int]]:
    """Start and end of every utterance that a session would hear in samples of shape [n]."""
    stage = VadStage(vad, VadOptions())
    stage.feed(samples)
    events: list[Event] = []
    while (job := stage.next_job()) is not None:
        events += stage.receive(job.run())
    events += stage.close_utterance()
    starts = [event.start for event in events if isinstance(event, SpeechStarted)]
    return list(zip(starts, [event.end for event in events if isinstance(event, SpeechStopped)], strict=True))


def onset(samples: Samples) -> int | None:
    """Where a clip's first sound begins, in samples; None where noise of its own hides that."""
    frames = samples[: samples.size // ONSET_FRAME * ONSET_FRAME].reshape(-1, ONSET_FRAME)
    levels = levels_db(frames)
    loud = float(np.percentile(levels, 95))
    if float(np.percentile(levels, 2)) > loud - CLEAN_DB:
        return None
    return int(np.flatnonzero(levels > loud - ONSET_DB)[0]) * ONSET_FRAME
