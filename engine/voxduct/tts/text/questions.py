"""Which questions rise: those that yes or no answers, and what is said as one ("You are late?").

A question that asks for something falls as a statement does ("Where is it?"). What the last clause that begins like a
question is decides: "You like it, don't you?" and "When it rains, will you come?" rise, "If it rains, what do we do?"
falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voxduct.tts.text.normalise import PAUSES

ASKING = frozenset("who what when where why which whose whom how".split())
LEADING = frozenset(
    "and but or so well then now ok okay oh ah hey hi hello yes no yeah please um uh because also still".split()
)
"""What may come before a clause's first word that counts."""
BEFORE_ASKING = frozenset("in at for to from by with on of about since until".split())
"""`At what time`, `for whom`."""
AUXILIARIES = frozenset(
    "am is are was were do does did have has had can could will would shall should may might must".split()
)


def rises(words: Sequence[str]) -> bool:
    """Whether a sentence ends high; `words` are its words and pause marks, as `normalise` has them."""
    if not words or words[-1] != "?":
        return False
    for clause in reversed(list(_clauses(words))):
        if _asks(clause):
            return False
        if clause[0] in AUXILIARIES or clause[0].endswith("n't"):
            return True
    return True


def _clauses(words: Sequence[str]) -> Iterator[list[str]]:
    """What is between pause marks, each from the first word on that counts; those of no such word left out."""
    clause: list[str] = []
    for word in words:
        if word in PAUSES:
            if clause:
                yield clause
            clause = []
        elif clause or word not in LEADING:
            clause.append(word)
    if clause:
        yield clause


def _asks(clause: Sequence[str]) -> bool:
    first, second = (word.split("'")[0] for word in (clause[0], clause[min(1, len(clause) - 1)]))
    return first in ASKING or (first in BEFORE_ASKING and second in ASKING)
