"""The sentences the recogniser learns from: transcripts cut into clauses, plus sentences we make up ourselves.

A sentence has three forms, word for word the same: `written` is what the CTC head spells (lower case, apostrophes and
nothing else), `spoken` keeps the marks that give the synthesiser its pauses and tones, `shown` is what a reader expects
of the decoder: capitals and punctuation too.
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
SPEAKABLE = re.compile(r"[a-z' ,.?]+")
MARK = re.compile(r"\s*[,.?!;:][\s,.?!;:]*")
ASKING = re.compile(
    r"(what|what's|how|where|who|why|is|are|can|could|would|will|did|do|has|have|hello .* can) (?!a note)"
)
NAMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september "
    "october november december alice john mary peter anna david sarah michael emma james london paris boston chicago "
    "berlin tokyo sydney toronto dublin rome madrid seattle denver oxford i".split()
)
LONGEST_CLAUSE = 16
FEWEST_TELLING = 4  # words of a clause that could only have come from one text


@dataclass(frozen=True)
class Sentence:
    """One utterance: what is spoken (with its pauses), what is written, where it came from, and how it is shown."""

    spoken: str
    written: str
    source: str
    shown: str

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
        line = re.sub(rf"\b{re.escape(short)}", long.capitalize(), line, flags=re.IGNORECASE)
    for short, long in (("Mr", "Mister"), ("Mrs", "Missis"), ("Dr", "Doctor")):
        line = re.sub(rf"\b{short}\b(?!\.)", long, line)
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


def marked(clause: str) -> str:
    """A clause with commas, full stops and question marks alone; it ends with the mark that it ended with, if any."""

    def strongest(match: re.Match[str]) -> str:
        marks = match[0]
        return "? " if "?" in marks else ". " if re.search(r"[.!]", marks) else ", "

    return " ".join(MARK.sub(strongest, clause).split())


def shown_form(clause: str) -> str:
    """How a reader expects a clause: from a capital to a full stop, unless it goes on or asks."""
    text = marked(clause).lstrip(",.? ")
    if not text:
        return ""
    if text[-1].isalpha() or text[-1] == "'":
        text += "."
    return text[0].upper() + text[1:]


def sentence_from(clause: str, source: str) -> Sentence | None:
    """A clause as a sentence, or None where it cannot be written in the recogniser's alphabet."""
    shown = shown_form(clause)
    spoken = shown.lower()
    if not SPEAKABLE.fullmatch(spoken):
        return None
    written = written_form(spoken)
    if not 1 <= len(written.split()) <= LONGEST_CLAUSE or written_form(shown).split() != written.split():
        return None
    return Sentence(spoken, written, source, shown) if len(shown.split()) == len(written.split()) else None


def made_sentence(text: str) -> Sentence | None:
    """A sentence of our grammar, which writes small letters: with its names' capitals, and asking if it asks."""
    words = [word.capitalize() if word.strip(",").partition("'")[0] in NAMES else word for word in text.split()]
    named = re.sub(r"\b(New York|new york)\b", "New York", " ".join(words))
    return sentence_from(named + ("?" if ASKING.match(text) else "."), "made")


def read_evaluated(folder: Path) -> list[str]:
    """What the human clips beside the texts say, which only evaluation may know; in written form."""
    table = folder.parent / "speech" / "lj" / "transcripts.tsv"
    lines = table.read_text(encoding="utf8").splitlines() if table.exists() else []
    return [f" {written_form(line.partition(chr(9))[2])} " for line in lines]


def is_part_of(written: str, evaluated: list[str]) -> bool:
    """Whether a clause is one of them, or enough of one to be learnt by heart."""
    return len(written.split()) >= FEWEST_TELLING and any(f" {written} " in text for text in evaluated)


def read_transcripts(folder: Path) -> list[Sentence]:
    """Every clause of the transcript files in `folder`, without repeats, in a fixed order."""
    found: dict[str, Sentence] = {}
    evaluated = read_evaluated(folder)
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text(encoding="utf8").splitlines():
            for clause in clauses(line):
                sentence = sentence_from(clause, path.stem.split("_")[0])
                if sentence is not None and not is_part_of(sentence.written, evaluated):
                    found.setdefault(sentence.written, sentence)
    return [found[key] for key in sorted(found)]


def sentences(folder: Path, made: int, seed: int = 0) -> list[Sentence]:
    """Transcript clauses and `made` sentences of our own, shuffled the same way every time."""
    rng = random.Random(seed)
    found = {sentence.written: sentence for sentence in read_transcripts(folder)}
    for _ in range(made):
        sentence = made_sentence(made_up(rng))
        if sentence is not None:
            found.setdefault(sentence.written, sentence)
    pool = [found[key] for key in sorted(found)]
    rng.shuffle(pool)
    return pool


def shortened(sentence: Sentence, words: int, rng: random.Random) -> Sentence:
    """A run of at most `words` words out of a sentence: material for the first, short lessons."""
    tokens = sentence.shown.split()
    if len(tokens) <= words:
        return sentence
    start = rng.randrange(len(tokens) - words + 1)
    shown = shown_form(" ".join(tokens[start : start + words]))
    return Sentence(shown.lower(), written_form(shown), sentence.source, shown)
