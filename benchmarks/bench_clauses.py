"""What is won by speaking clause by clause, and what it costs.

Held-out sentences that have commas are spoken by the default voice, whole and clause by clause, and then heard.

    python benchmarks/bench_clauses.py [--count N] [--seeds N] [--voice NAME] [--clause-pause MS] [--results FOLDER]

The last line of stdout is one JSON object; for each way of speaking (`whole`, `clauses`)

wer, wer_independent  words misread by our recogniser, offline, and by PocketSphinx where it is installed
speech_s              length of all the speech
characters_*          characters of text that must have come until speech can start: median and 90th percentile
start_*_ms            the same on the clock of a language model that writes PACE tokens a second; a token is a word or a
                      run of punctuation, with the space before it
stalls, stall_ms      sentences whose speech would run dry before their next clause has come at that pace, and the mean
                      length of those pauses; making the speech takes no time here

and of sentences that were cut: `cut`, how many there are; `gap_*_ms`, the median time between the words at the first
cut, spoken whole and by clauses.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.bundled import sentence_lists
from voxduct.bench.ears import Ear, padded, pocketsphinx_ear
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures, keep, machine_card, milliseconds, percentile, rounded
from voxduct.bench.scoring import WordErrors, align, normalise
from voxduct.bench.tts import Frontend
from voxduct.events import SpeechAudio, SpeechWord, SpeechWords
from voxduct.loading import EngineOptions, load_engine, load_own_synthesiser
from voxduct.offline import hear_text, speak
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text.sentences import SentenceSplitter

PACE = 12  # tokens a second
_TOKEN = re.compile(r"\s*(?:[\w'’]+|[^\w\s]+)|\s+$")


@dataclass(frozen=True)
class Due:
    """A sentence or clause, and how much text it took until it was certain."""

    text: str
    characters: int
    tokens: int


@dataclass(frozen=True)
class Reading:
    """A sentence as it was spoken."""

    text: str
    samples: Samples
    words: list[SpeechWord]


def due_pieces(text: str, following: str, *, clauses: bool) -> list[Due]:
    """The pieces of a text which another one follows, in the order they become certain."""
    splitter = SentenceSplitter(clauses=clauses)
    tokens = _TOKEN.findall(f"{text} {following}")
    found: list[Due] = []
    for count, (token, characters) in enumerate(zip(tokens, accumulate(map(len, tokens)), strict=True), start=1):
        found += [Due(piece.text, characters, count) for piece in splitter.feed(token)]
        if sum(len(piece.text.split()) for piece in found) >= len(text.split()):
            return found
    raise ValueError(f"the text after {text!r} does not end it")


def read(synthesiser: Synthesiser, text: str, voice: str | None, seed: int) -> Reading:
    """One sentence spoken."""
    parts: list[Samples] = []
    words: list[SpeechWord] = []
    for event in speak(synthesiser, text, voice, seed):
        match event:
            case SpeechAudio():
                parts.append(event.samples)
            case SpeechWords():
                words += event.words
            case _:
                pass
    return Reading(text, np.concatenate(parts), words)


def stall_s(reading: Reading, dues: Sequence[Due], count: Sequence[int]) -> float:
    """Seconds for which a listener waits within the text; `count`: words of each piece."""
    waited, begun, word = 0.0, dues[0].tokens / PACE, 0
    for due, words in zip(dues[1:], count, strict=False):
        word += words
        wanted = begun + waited + reading.words[word].start / SAMPLE_RATE
        waited += max(0.0, due.tokens / PACE - wanted)
    return waited


def misread(frontend: Frontend, readings: Sequence[Reading], hear: Ear, what: str) -> float:
    """Share of words."""
    sounds = [padded(one.samples) for one in readings]
    heard = [hear(samples) for samples in tracked(sounds, what)]
    pairs = zip(readings, heard, strict=True)
    errors = [align(normalise(frontend.written(one.text)), normalise(text)).errors for one, text in pairs]
    return sum(errors, WordErrors()).rate


def figures_of(frontend: Frontend, dues: Sequence[Sequence[Due]], readings: Sequence[Reading]) -> Figures:
    """Everything that needs no ears; `dues` of each of the readings."""
    characters = [pieces[0].characters for pieces in dues]
    starts = [pieces[0].tokens / PACE for pieces in dues]
    counts = [[len(frontend.written(due.text).split()) for due in pieces] for pieces in dues]
    stalls = [stall_s(*one) for one in zip(readings, dues, counts, strict=True)]
    stalled = [stall for stall in stalls if stall > 0]
    return {
        "speech_s": round(sum(len(one.samples) for one in readings) / SAMPLE_RATE, 1),
        "characters_p50": percentile(characters, 50),
        "characters_p90": percentile(characters, 90),
        "start_p50_ms": milliseconds(starts, 50),
        "start_p90_ms": milliseconds(starts, 90),
        "stalls": len(stalled),
        "stall_ms": round(1000 * sum(stalled) / max(len(stalled), 1)),
    }


def gap_ms(readings: Sequence[Reading], first_clauses: Sequence[int]) -> float | None:
    """Median time between the words at the first cut; `first_clauses`: words before it, 0 where nothing was cut."""
    gaps = [
        (one.words[words].start - one.words[words - 1].end) / SAMPLE_RATE
        for one, words in zip(readings, first_clauses, strict=True)
        if words
    ]
    return milliseconds(gaps, 50)


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Speaks and hears everything."""
    engine = load_engine(EngineOptions(), speaks=False)
    made = load_own_synthesiser(EngineOptions())
    frontend = Frontend.of(made)
    ears: dict[str, Ear] = {"wer": lambda samples: hear_text(engine, samples)}
    if (other := pocketsphinx_ear()) is not None:
        ears["wer_independent"] = other
    listed = sentence_lists()["heldout"]
    pairs = [(text, after) for text, after in zip(listed, [*listed[1:], listed[0]], strict=True) if "," in text]
    pairs = pairs[: options.count] * options.seeds
    whole, parts = ([due_pieces(*pair, clauses=clauses) for pair in pairs] for clauses in (False, True))
    cut = [
        len(frontend.written(part[0].text).split()) if part[0].text != uncut[0].text else 0
        for part, uncut in zip(parts, whole, strict=True)
    ]
    found: dict[str, object] = {"sentences": len(pairs), "cut": sum(words > 0 for words in cut)}
    for name, clauses in (("whole", False), ("clauses", True)):
        made.options = replace(made.options, clauses=clauses, clause_pause_ms=options.clause_pause)
        spoken = [read(made, text, options.voice, seed) for seed, (text, _) in enumerate(tracked(pairs, name))]
        heard = {ear: rounded(misread(frontend, spoken, hear, f"{name} {ear}")) for ear, hear in ears.items()}
        found[name] = heard | figures_of(frontend, parts if clauses else whole, spoken)
        found[f"gap_{name}_ms"] = gap_ms(spoken, cut)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30, help="sentences (default 30)")
    parser.add_argument("--seeds", type=int, default=1, help="readings of each (default 1)")
    parser.add_argument("--voice", help="default: the default voice")
    parser.add_argument("--clause-pause", type=int, default=0, metavar="MS", help="between clauses (default 0)")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="keep the figures there")
    options = parser.parse_args()
    card = machine_card()
    found = measure(options)
    if options.results is not None:
        print(f"kept in {keep(options.results, 'clauses', found, card)}", file=sys.stderr)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
