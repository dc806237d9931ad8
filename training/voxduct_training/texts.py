"""The sentences the recogniser learns from: transcripts cut into clauses, plus sentences we make up ourselves.

Everything is lower case, spelt out and free of punctuation but the apostrophe, because that is
what the recogniser writes.  Commas survive in `Sentence.spoken`, where they give the synthesiser its pauses.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voxduct_training.phrases import made_up

TITLES = {"mr.": "mister", "mrs.": "missis", "dr.": "doctor", "st.": "saint", "messrs.": "messieurs"}
CLAUSE_END = re.compile(r"(?<=[,;:.?!])\s+|\s+--?\s+")
SPEAKABLE = re.compile(r"[a-z' ,]+")
LONGEST_CLAUSE = 16


@dataclass(frozen=True)
class Sentence:
    """One utterance: what is spoken (with commas), what is written, and where it came from."""

    spoken: str
    written: str
    source: str

    @property
    def words(self) -> list[str]:
        """The written words."""
        return self.written.split()


def written_form(text: str) -> str:
    """The recogniser's spelling of a text: lower case letters and apostrophes, single spaces."""
    kept = re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'").replace("-", " "))
    words = (word.strip("'") if not _elision(word) else word for word in kept.split())
    return " ".join(word for word in words if word)


def _elision(word: str) -> bool:
    return bool(re.fullmatch(r"[a-z]+'[a-z]+", word))


def split_of(written: str) -> str:
    """The part of the data a text belongs to; a hash decides, so no list has to be kept."""
    bucket = zlib.crc32(f"voxduct {written}".encode()) % 100
    return "test" if bucket < 4 else "validation" if bucket < 5 else "train"


def clauses(line: str) -> Iterator[str]:
    """The speakable clauses of one transcript line, at most LONGEST_CLAUSE words each."""
    line = line.strip().replace("’", "'").replace("“", '"').replace("”", '"')
    if re.search(r"[0-9]|\b[A-Z]{2,}\b|\b[A-HJ-NP-Z]\.|\b[B-HJ-Z]\b|&", line):
        return  # digits, initials and capitals have more than one reading
    for short, long in TITLES.items():
        line = re.sub(rf"\b{re.escape(short)}", long, line, flags=re.IGNORECASE)
    line = re.sub(r"[\"()\[\]_]|(?<![a-zA-Z])'|'(?![a-zA-Z])", "", line.replace("-", " - "))
    line = line.replace(" - ", " ")
    current = ""
    for piece in CLAUSE_END.split(line):
        joined = f"{current} {piece}".strip()
        if current and len(joined.split()) > LONGEST_CLAUSE:
            yield current
            joined = piece
        current = joined
    if current:
        yield current


def sentence_from(clause: str, source: str) -> Sentence | None:
    """A clause as a sentence, or None where it cannot be written in the recogniser's alphabet."""
    spoken = re.sub(r"[;:]", ",", clause.lower())
    spoken = re.sub(r"[.?!]+", "", spoken).strip(" ,")
    spoken = re.sub(r"\s*,[\s,]*", ", ", spoken)
    if not SPEAKABLE.fullmatch(spoken):
        return None
    written = written_form(spoken)
    return Sentence(spoken, written, source) if 1 <= len(written.split()) <= LONGEST_CLAUSE else None


def read_transcripts(folder: Path) -> list[Sentence]:
    """Every clause of the transcript files in `folder`, without repeats, in a fixed order."""
    found: dict[str, Sentence] = {}
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text(encoding="utf8").splitlines():
            for clause in clauses(line):
                sentence = sentence_from(clause, path.stem.split("_")[0])
                if sentence is not None:
                    found.setdefault(sentence.written, sentence)
    return [found[key] for key in sorted(found)]


def sentences(folder: Path, made: int, seed: int = 0) -> list[Sentence]:
    """Transcript clauses and `made` sentences of our own, shuffled the same way every time."""
    rng = random.Random(seed)
    found = {sentence.written: sentence for sentence in read_transcripts(folder)}
    for _ in range(made):
        sentence = sentence_from(made_up(rng), "made")
        if sentence is not None:
            found.setdefault(sentence.written, sentence)
    pool = [found[key] for key in sorted(found)]
    rng.shuffle(pool)
    return pool


def shortened(sentence: Sentence, words: int, rng: random.Random) -> Sentence:
    """A run of at most `words` words out of a sentence: material for the first, short lessons."""
    tokens = sentence.spoken.split()
    if len(tokens) <= words:
        return sentence
    start = rng.randrange(len(tokens) - words + 1)
    spoken = " ".join(tokens[start : start + words]).strip(" ,")
    return Sentence(spoken, written_form(spoken), sentence.source)
