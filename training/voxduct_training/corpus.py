"""Synthetic speech for the recogniser, shard by shard, so that training can start beside the synthesis.

The first shards hold the shortest utterances, because a recogniser that starts on two words learns
its alignment many times sooner.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxduct_training.shards import ShardWriter
from voxduct_training.synthesiser import RATE, Voice, draw_voice, synthesise
from voxduct_training.texts import Sentence, sentences, shortened, split_of

DATA = Path(os.environ.get("VOXDUCT_DATA", Path(__file__).parents[3] / "shared" / "data"))
LESSONS = ((0, 0.5, 4), (1, 0.8, 4), (2, 1.0, 8), (3, 1.5, 8))  # shard, hours, longest in words
MIXTURE = (0.42, 0.33, 0.03, 0.22)  # espeak-ng, flite, festival, Pico; the voice's own flite corpus brings more flite
LATER_HOURS, FASTEST_CLIP = 2.0, 26.0  # hours a shard; characters a second
FULL_LESSONS = 6.0  # hours from which on the lessons are worth their full length


@dataclass(frozen=True)
class Job:
    """One sentence to be spoken by one voice."""

    sentence: Sentence
    voice: Voice


def speak(job: Job) -> tuple[Job, NDArray[np.int16], list[list[int]]] | None:
    """Synthesise one job; None where the synthesiser failed or the result is implausible."""
    try:
        speech = synthesise(job.sentence.spoken, job.voice)
    except (OSError, ValueError):
        return None
    seconds = len(speech.samples) / RATE
    if not 0.2 < seconds < 12 or len(job.sentence.written) / seconds > FASTEST_CLIP:
        return None
    return job, (speech.samples * np.float32(32767)).astype(np.int16), [list(cut) for cut in speech.cuts]


def jobs(data: Path, seed: int, hours: float, done: frozenset[int] = frozenset()) -> Iterator[tuple[int, Job]]:
    """An endless stream of (shard, job) without the shards that are `done`; short lessons where `hours` are few."""
    rng = random.Random(seed)
    installed = (True, True, shutil.which("text2wave") is not None, find_spec("ttspico") is not None)
    mixture = tuple(share * there for share, there in zip(MIXTURE, installed, strict=True))
    pool = [s for s in sentences(data / "text", made=25_000) if split_of(s.written) == "train"]
    stream = _forever(pool)
    for shard in range(1_000_000):
        length, longest = LATER_HOURS, 16
        for number, lesson_hours, words in LESSONS:
            if number == shard:
                length, longest = lesson_hours, words
        found = _shard_jobs(shard, length * min(1.0, hours / FULL_LESSONS), longest, stream, rng, mixture)
        if shard in done:
            for _ in found:
                pass  # the later shards are to be the same as if this one had been made now
        else:
            yield from found


def _forever(pool: list[Sentence]) -> Iterator[Sentence]:
    while True:
        yield from pool


def _shard_jobs(
    shard: int,
    hours: float,
    longest: int,
    stream: Iterator[Sentence],
    rng: random.Random,
    mixture: tuple[float, ...],
) -> Iterator[tuple[int, Job]]:
    """More jobs than a shard needs; the writer moves on when the shard is full."""
    for _ in range(int(hours * 3600 / (0.22 * longest)) if longest < 16 else int(hours * 3600 / 2.35)):
        sentence = shortened(next(stream), rng.randint(1, longest), rng) if longest < 16 else next(stream)
        yield shard, Job(sentence, draw_voice(rng, held_out=False, weights=mixture))


def _speak_numbered(item: tuple[int, Job]) -> tuple[int, tuple[Job, NDArray[np.int16], list[list[int]]] | None]:
    return item[0], speak(item[1])


def write_synthetic(out: Path, data: Path, hours: float, processes: int, seed: int, first: int = 0) -> None:
    """Synthesise the shards from `first` on that are missing until `hours` are written."""
    writer, current = None, -1
    finished = frozenset(int(path.stem[-3:]) for path in out.glob("train-*.jsonl")) | frozenset(range(first))
    total = sum(path.stat().st_size // 2 for path in out.glob("train-*.i16"))
    with get_context("spawn").Pool(processes) as pool:
        for shard, spoken in pool.imap(_speak_numbered, jobs(data, seed, hours, finished), chunksize=16):
            if shard != current:
                if writer is not None:
                    writer.close()
                    print(f"shard {current}: {writer.samples / RATE / 3600:.2f} h", flush=True)
                if total > hours * 3600 * RATE:
                    pool.terminate()
                    return
                writer, current = ShardWriter(out, f"train-{shard:03d}"), shard
            if spoken is not None and writer is not None:
                job, samples, cuts = spoken
                writer.add(samples, job.sentence.written, str(job.voice), cuts, shown=job.sentence.shown)
                total += len(samples)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--hours", type=float, default=12)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, help="leave out the shards before this one (4: the short lessons)"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    write_synthetic(options.out, options.data, options.hours, options.processes, options.seed, options.first)


if __name__ == "__main__":
    main()
