"""Sentences for the voice: clauses of 1-25 words, with short, repeated and numeric items oversampled.

One-word items, repeats and numbers are where small codec language models fail first (pocket-tts #313: 40 % of
one-word items lost), so they are made on purpose instead of waiting for them in running text.
"""

from __future__ import annotations

import hashlib
import random
import re
from pathlib import Path

FILES = ("lj_transcripts.txt", "libritts_transcripts.txt", "vctk_sentences.txt")
HELD_OUT_SHARE = 40  # one clause in forty never reaches training

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def key(text: str) -> str:
    """The words alone, so that punctuation cannot leak a held-out sentence into training."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def is_held_out(text: str) -> bool:
    digest = hashlib.sha256(key(text).encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_SHARE == 0


def clauses(data: Path, longest: int = 25) -> list[str]:
    """Every plain-letter clause of the text files, split at punctuation when it is longer than `longest` words."""
    found: set[str] = set()
    for name in FILES:
        for line in (data / "text" / name).read_text(encoding="utf-8").splitlines():
            line = line.replace("\u2019", "'").replace("\u201c", "").replace("\u201d", "").replace('"', "")
            if not re.fullmatch(r"[A-Za-z ,.'?!;:\-()]+", line):
                continue
            found.update(_split(re.sub(r"\s+", " ", re.sub(r"[()]", "", line)).strip(" '"), longest))
    return sorted(c for c in found if c and len(key(c).split()) >= 1)


def _split(line: str, longest: int) -> list[str]:
    out, now = [], ""
    for part in re.split(r"(?<=[,;:.?!])\s", line):
        if now and len((now + " " + part).split()) > longest:
            out.append(now)
            now = part
        else:
            now = (now + " " + part).strip()
    return [c for c in [*out, now] if c and len(c.split()) <= longest]


def number_words(value: int) -> str:
    """English words of 0..999,999, without "and"."""
    if value < 20:
        return ONES[value]
    if value < 100:
        return TENS[value // 10 - 2] + (" " + ONES[value % 10] if value % 10 else "")
    if value < 1000:
        return ONES[value // 100] + " hundred" + (" " + number_words(value % 100) if value % 100 else "")
    return number_words(value // 1000) + " thousand" + (" " + number_words(value % 1000) if value % 1000 else "")


def sample(pool: list[str], words: list[str], rng: random.Random) -> str:
    """One training text: mostly a clause, sometimes a single word, a pair, a number or a repeat."""
    kind = rng.random()
    if kind < 0.70:
        return rng.choice(pool)
    if kind < 0.76:
        return rng.choice(words).capitalize() + rng.choice([".", "!", "?", ""])
    if kind < 0.81:
        return " ".join(rng.choices(words, k=2)).capitalize() + "."
    if kind < 0.88:
        return " ".join(number_words(rng.randrange(10 ** rng.randint(1, 6))) for _ in range(rng.randint(1, 3))) + "."
    if kind < 0.92:
        return " ".join(rng.choice(ONES[:10]) for _ in range(rng.randint(3, 8))) + "."
    if kind < 0.95:
        return " ".join([" ".join(rng.choices(words, k=rng.randint(1, 2)))] * rng.randint(2, 4)) + "."
    clause = rng.choice(pool).split()
    start = rng.randrange(len(clause))
    return " ".join(clause[start : start + rng.randint(3, 8)]).strip(",;:.") + "."


def vocabulary(pool: list[str]) -> list[str]:
    return sorted({w for c in pool for w in key(c).split() if len(w) > 1 and not w.startswith("'")})
