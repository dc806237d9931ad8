"""Does a mixture of two voices sound in between, and is it understood?

Each voice and each mixture of a pair says the same sentences. Per share of the second voice: Resemblyzer's cosines with
either voice's other half of the sentences (a voice with itself: how near one comes at all), the median pitch, how many
words our recogniser misreads, and CPU seconds per second of speech.

    python benchmarks/bench_mixtures.py [--pairs ada+ben ...] [--sentences N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.ears import speaker_embeddings
from voxduct.bench.results import machine_card
from voxduct.bench.scoring import word_errors
from voxduct.events import SpeechAudio
from voxduct.loading import EngineOptions, load_engine
from voxduct.offline import hear_text, speak
from voxduct.session import Engine

TEXTS = Path(__file__).parent / "data" / "heldout_sentences.txt"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
FRAME, HOP = 640, 160  # samples: 40 ms and 10 ms
LOWEST, HIGHEST = 60, 400  # Hz
VOICED = 0.6  # of the energy comes back one period later
AS_GOOD = 0.85  # of the best peak: a shorter period is taken for the true one then


@dataclass(frozen=True)
class Reading:
    """One share's sentences."""

    share: float
    clips: list[Samples]
    cpu_s: float


def voice_of(pair: Sequence[str], share: float) -> str:
    one, other = pair
    return one if share == 0 else other if share == 1 else f"{one}:{1 - share:g}+{other}:{share:g}"


def read(engine: Engine, pair: Sequence[str], share: float, texts: Sequence[str]) -> Reading:
    assert engine.synthesiser is not None  # it was loaded to speak
    clips, began = [], time.process_time()
    for text in texts:
        events = speak(engine.synthesiser, text, voice_of(pair, share))
        clips.append(np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)]))
    return Reading(share, clips, time.process_time() - began)


def median_pitch(clips: Sequence[Samples]) -> float:
    """Hertz, over the voiced frames: autocorrelation, with the window's own divided out (Boersma, 1993)."""
    window = np.hanning(FRAME).astype(np.float32)
    own = correlation(window)
    found = []
    for clip in clips:
        for at in range(0, len(clip) - FRAME, HOP):
            frame = clip[at : at + FRAME]
            if np.sqrt(np.mean(frame**2)) < 0.02:
                continue
            heard = correlation((frame - frame.mean()) * window) / own
            lags = np.arange(SAMPLE_RATE // HIGHEST, SAMPLE_RATE // LOWEST)
            best = lags[heard[lags].argmax()]
            shorter = [round(best / part) for part in (4, 3, 2) if best // part > lags[0]]
            best = next((lag for lag in shorter if heard[lag - 1 : lag + 2].max() > AS_GOOD * heard[best]), best)
            if heard[best] > VOICED:
                found.append(SAMPLE_RATE / best)
    return float(np.median(found)) if found else 0.0


def correlation(frame: Samples) -> Samples:
    """By lag, shape [FRAME]; of lag 0 it is 1."""
    found = np.fft.irfft(np.abs(np.fft.rfft(frame, 2 * FRAME)) ** 2)[:FRAME].astype(np.float32)
    return found / np.float32(max(found[0], 1e-9))


def cosines(readings: Sequence[Reading]) -> list[tuple[float, float] | None]:
    """Of each reading's first half with the second half of the first and of the last, which are the voices alone."""
    half = len(readings[0].clips) // 2
    found = speaker_embeddings([clip for reading in readings for clip in reading.clips])
    if found is None:
        return [None] * len(readings)
    groups = found.reshape(len(readings), -1, found.shape[1])
    said, known = groups[:, :half].mean(axis=1), groups[[0, -1], half:].mean(axis=1)
    said, known = (group / np.linalg.norm(group, axis=1, keepdims=True) for group in (said, known))
    return [(round(float(one), 3), round(float(other), 3)) for one, other in said @ known.T]


def report(engine: Engine, pair: Sequence[str], texts: Sequence[str]) -> list[dict[str, object]]:
    readings = [read(engine, pair, share, texts) for share in SHARES]
    rows: list[dict[str, object]] = []
    for reading, likeness in zip(readings, cosines(readings), strict=True):
        errors = [word_errors(text, hear_text(engine, clip)) for text, clip in zip(texts, reading.clips, strict=True)]
        seconds = sum(map(len, reading.clips)) / SAMPLE_RATE
        rows.append({
            "voice": voice_of(pair, reading.share),
            "cosines": likeness,
            "pitch_hz": round(median_pitch(reading.clips), 1),
            "wer": round(sum(one.errors for one in errors) / sum(one.words for one in errors), 3),
            "cpu_rtf": round(reading.cpu_s / seconds, 3),
        })  # fmt: skip
        print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="*", default=["ada+ben", "ada+mila", "ben+otto"], metavar="VOICE+VOICE")
    parser.add_argument("--sentences", type=int, default=12, help="that each says (default 12)")
    options = parser.parse_args()
    engine = load_engine(EngineOptions())
    texts = TEXTS.read_text(encoding="utf-8").splitlines()[: options.sentences]
    pairs = {pair: report(engine, pair.split("+"), texts) for pair in options.pairs}
    print(json.dumps({"sentences": len(texts), "pairs": pairs, "machine": machine_card()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
