"""Are word times right, and is a word's probability worth anything?

Held-out sentences are spoken by espeak-ng and flite, which say when each word begins and ends, and are recognised

stream    joined to tapes with pauses, as a live session on a machine that is never late hears them;
offline   the same tapes as `voxduct transcribe --algorithm chunked` hears them.

    python benchmarks/bench_words.py [--count N] [--part test|calibration] [--heads N ...] [--letters]
                                     [--asr MODEL] [--results FOLDER]

Times are compared for words that were recognised as the right word. What the synthesisers' times are, and what is
known about them: docs/word-times.md. The last line of stdout is one JSON object; for each way of listening

start_*, end_*      |recognised - known| in ms: median, 90th and 95th percentile, share within 50, 100 and 200 ms;
                    `bias` is the median of recognised - known
raw_start_*         the same against the synthesiser's own starts, silent beginnings of words left in
silent_starts       share of all recognised words that start in a frame that the VAD judged silent
out_of_order        words that start before the one before has ended
words, wer          reference words, and how many of them were wrong
auc                 probability that a right word's confidence is greater than a wrong one's
ece                 mean |confidence - share of right words| over ten equal groups by confidence, weighted by size
right, confidence   share of recognised words that are right, and their mean confidence
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from voxduct.asr.recordings.segments import Segment
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, keep, machine_card, percentile, rounded
from voxduct.bench.scoring import WordErrors, align, normalise, right_words, spoken_words_of
from voxduct.cli.listening import Algorithm, listen
from voxduct.events import CommittedText, Word
from voxduct.loading import EngineOptions, load_engine
from voxduct.models import VadModel
from voxduct.session import Engine
from voxduct.silence import Silences
from voxduct.vad import VadOptions, VadStage
from voxduct_training.heldout import Row, read_rows, synthesise_timed
from voxduct_training.phrases import made_up
from voxduct_training.synthesiser import Speech, draw_voice
from voxduct_training.texts import split_of

TAPE_CLIPS = 20
PAUSE_S = (0.8, 2.0)
NOISE_FLOOR = 1e-4  # amplitude in pauses: digital silence is no microphone
SOUND = 0.01  # of the loudest RMS of clean speech: below it there is none
STEP = SAMPLE_RATE // 200  # samples over which sound is looked for: 5 ms
WITHIN_MS = (50, 100, 200)
GROUPS = 10  # of confidence


@dataclass(frozen=True, slots=True)
class Known:
    """One word of a tape; positions where the synthesiser told them."""

    text: str
    raw_start: int | None
    """As the synthesiser says."""
    start: int | None
    """Where its first sound is."""
    end: int | None
    """Where its last sound ends."""


@dataclass(frozen=True, slots=True)
class Tape:
    """Sentences with pauses between them."""

    samples: Samples
    words: tuple[Known, ...]


@dataclass(slots=True)
class Found:
    """What was heard of all tapes; times in ms."""

    starts: list[float] = field(default_factory=list)
    raw_starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    silent: int = 0
    out_of_order: int = 0
    errors: WordErrors = field(default_factory=WordErrors)


def test_rows(count: int) -> list[Row]:
    """The first of the held-out table whose synthesiser tells times."""
    return [row for row in read_rows() if not row.voice.startswith("festival")][:count]


def calibration_rows(count: int) -> list[Row]:
    """As many like those that the recogniser was trained on: to choose heads by, never to report."""
    rng = random.Random(7)
    rows: list[Row] = []
    while len(rows) < count:
        text = " ".join(made_up(rng).replace(",", " ").split())
        voice = draw_voice(rng, held_out=False, weights=(0.5, 0.5, 0.0))
        if split_of(text) != "test" and 2 <= len(text.split()) <= 16:
            noise = f"{rng.uniform(10, 30):.1f}" if rng.random() < 1 / 3 else ""
            room = f"{rng.uniform(0.08, 0.3):.3f}" if rng.random() < 1 / 5 else ""
            rows.append(Row("", 0, text, text, "made", str(voice), noise, room, "", rng.randrange(1 << 31)))
    return rows


def known_words(row: Row, speech: Speech, at: int) -> list[Known]:
    """The words of a row whose clean speech begins at a position."""
    count = speech.samples.size // STEP
    levels = np.sqrt(np.mean(np.square(speech.samples[: count * STEP].reshape(count, STEP)), axis=1))
    loud = np.flatnonzero(levels > SOUND * levels.max())
    starts, cuts = dict(speech.starts), dict(speech.cuts)
    texts = row.text.split()
    cuts[len(texts)] = speech.samples.size
    found = []
    for number, text in enumerate(texts):
        raw, cut = starts.get(number), cuts.get(number + 1)
        start = end = None
        if raw is not None:
            sounding = loud[loud >= raw // STEP]
            start = at + (max(raw, int(sounding[0]) * STEP) if sounding.size else raw)
        if cut is not None:
            sounding = loud[loud < -(-cut // STEP)]
            end = at + (min(cut, int(sounding[-1] + 1) * STEP) if sounding.size else cut)
        found.append(Known(" ".join(normalise(text)), None if raw is None else at + raw, start, end))
    return found


def tapes(rows: Sequence[Row]) -> Iterator[Tape]:
    """Every so many rows in a row; the same each time."""
    rng = np.random.default_rng(0)
    for first in range(0, len(rows), TAPE_CLIPS):
        pieces: list[Samples] = []
        words: list[Known] = []
        position = 0
        for row in rows[first : first + TAPE_CLIPS]:
            pause = rng.standard_normal(int(SAMPLE_RATE * rng.uniform(*PAUSE_S))).astype(np.float32) * NOISE_FLOOR
            samples, speech, lead = synthesise_timed(row)
            words += known_words(row, speech, position + pause.size + lead)
            pieces += [pause, samples]
            position += pause.size + samples.size
        pieces.append(np.zeros(SAMPLE_RATE, np.float32))
        yield Tape(np.concatenate(pieces), tuple(words))


def recognised(engine: Engine, samples: Samples, algorithm: Algorithm) -> list[Word]:
    """The words in the order in which they were said to be certain."""
    words: list[Word] = []
    for said in listen(engine, iter([samples]), algorithm):
        if isinstance(said, CommittedText | Segment):
            words += said.words
    return words


def vad_silences(model: VadModel, samples: Samples) -> Silences:
    """Every frame of a tape that the engine's VAD judges silent."""
    stage = VadStage(model, VadOptions())
    stage.feed(samples)
    while (job := stage.next_job()) is not None:
        stage.receive(job.run())
    return stage.silences.between(0, samples.size)


def compare(found: Found, tape: Tape, words: Sequence[Word], silences: Silences) -> None:
    """Adds what was heard of one tape."""
    said, heard = [word.text for word in tape.words], spoken_words_of([word.text for word in words])
    alignment = align(said, [one.text for one in heard])
    right = right_words(said, heard, alignment)
    for number, word in enumerate(words):
        found.confidence.append(word.probability)
        found.right.append(number in right)
        place = bisect_right(silences, (word.start, sys.maxsize)) - 1
        found.silent += place >= 0 and word.start < silences[place][1]
        if number in right:
            first, last = (tape.words[index] for index in right[number])
            for errors, given, true in (
                (found.starts, word.start, first.start),
                (found.raw_starts, word.start, first.raw_start),
                (found.ends, word.end, last.end),
            ):
                if true is not None:
                    errors.append((given - true) * 1000 / SAMPLE_RATE)
    found.out_of_order += sum(after.start < before.end for before, after in pairwise(words))
    found.errors += alignment.errors


def figures(found: Found) -> Figures:
    """As the module's docstring names them."""
    return {
        "words": found.errors.words,
        "wer": rounded(found.errors.rate),
        **_errors("start", found.starts),
        **_errors("end", found.ends),
        **_errors("raw_start", found.raw_starts),
        "silent_starts": rounded(found.silent / max(len(found.right), 1)),
        "out_of_order": found.out_of_order,
        **confidence_figures(np.array(found.confidence), np.array(found.right)),
    }


def _errors(name: str, signed: Sequence[float]) -> Figures:
    sizes = np.abs(signed)
    return {
        f"{name}_n": len(signed),
        **{f"{name}_p{share}_ms": rounded(percentile(sizes.tolist(), share), 1) for share in (50, 90, 95)},
        f"{name}_bias_ms": rounded(percentile(signed, 50), 1),
        **{f"{name}_within_{limit}": rounded(float(np.mean(sizes <= limit))) for limit in WITHIN_MS},
    }


def confidence_figures(confidence: np.ndarray, right: np.ndarray) -> Figures:
    """How well confidence, shape [n], tells right words, shape [n], from wrong ones, and how well it is calibrated."""
    order = np.argsort(confidence, kind="stable")
    groups = [group for group in np.array_split(order, GROUPS) if group.size]
    gaps = [group.size * abs(confidence[group].mean() - right[group].mean()) for group in groups]
    good, bad = confidence[right], np.sort(confidence[~right])
    below, upto = (np.searchsorted(bad, good, side=side) for side in ("left", "right"))
    return {
        "auc": rounded(float(np.mean((below + upto) / 2) / bad.size)) if good.size and bad.size else None,
        "ece": rounded(float(sum(gaps)) / max(len(right), 1)),
        "right": rounded(float(right.mean())),
        "confidence": rounded(float(confidence.mean())),
    }


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="sentences")
    parser.add_argument("--part", choices=("test", "calibration"), default="test")
    parser.add_argument("--letters", action="store_true", help="final passes time words letter by letter")
    parser.add_argument("--asr", metavar="MODEL")
    parser.add_argument(
        "--heads", type=int, nargs="*", help="of the attention; none: all (default: the model's choice)"
    )
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="also keep figures and machine in a file there")
    options = parser.parse_args()
    rows = test_rows(options.count) if options.part == "test" else calibration_rows(options.count)
    card, engine = machine_card(), load_engine(EngineOptions(asr=options.asr), speaks=False)
    asr = engine.recogniser.options
    heads = asr.timing_heads if options.heads is None else tuple(options.heads)
    asr = replace(asr, timing_heads=heads, letter_times=options.letters)
    engine = replace(engine, recogniser=engine.recogniser.configured(asr))
    found = {"stream": Found(), "offline": Found()}
    for tape in tracked(list(tapes(rows)), "words"):
        silences = vad_silences(engine.vad, tape.samples)
        for way, algorithm in (("stream", Algorithm.LIVE), ("offline", Algorithm.CHUNKED)):
            compare(found[way], tape, recognised(engine, tape.samples, algorithm), silences)
    report = {"part": options.part, "sentences": len(rows)} | {way: figures(one) for way, one in found.items()}
    if options.results is not None:
        print(f"kept in {keep(options.results, 'words', report, card)}", file=sys.stderr)
    print(json.dumps({"bench": "words", **report}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
