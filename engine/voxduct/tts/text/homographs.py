"""Which reading of a word is meant: record the record, live in a live show. A few rules, no tagger."""

from __future__ import annotations

BEFORE_VERB = frozenset(
    "to will would can could may might must shall should do does did don't doesn't didn't won't can't couldn't "
    "wouldn't shouldn't i you we they who let's please i'll you'll we'll they'll he'll she'll it'll i'd you'd we'd "
    "they'd not always never often also cannot".split()
)
BEFORE_NOUN = frozenset(
    "the a an this that these those my your his her its our their some any no every each another of in for with by "
    "from on at new old first second next last good great many more most other own".split()
)
AFTER_VERB = frozenset("the a an it them him me us this that these those my your his our their".split())
VERB_AT_FIRST = frozenset(
    "does putting reading produce produces proceed lead live lives collect convert confine combine compress refuse "
    "use separate implement estimate abstracts address excuse record close present project object".split()
)
USUALLY_VERB = frozenset(
    "does putting produce produces proceed lead live collect convert confine combine compress refuse reading "
    "diffuse deliberate".split()
)
PERFECT = frozenset("have has had having was were is are been be being i've you've we've they've he's she's".split())
LIVE_THINGS = frozenset(
    "music show shows stream streams tv video audio performance performances captions caption caption broadcast "
    "broadcasts event events recording audience band concert concerts coverage session sessions wire demo chat".split()
)
LEAD_METAL = frozenset("pipe pipes poisoning paint pencil bullet bullets weight weights metal".split())


def part_of_speech(word: str, before: str, following: str) -> str:
    """`n`, `v`, `v_p` or `j`, Festival's names, of a word between its neighbours ("" at a pause)."""
    if word == "read":
        return _read(before)
    if word == "live":
        return "j" if following in LIVE_THINGS or (before in PERFECT and not following) else "v"
    if word == "lead":
        return "n" if following in LEAD_METAL or before in ("of", "like") else "v"
    if word == "close":
        return _close(before, following)
    if word == "does":
        return "v"
    if before in BEFORE_VERB:
        return "v"
    if before in BEFORE_NOUN:
        return "v" if word in ("reading", "lead") else "n"
    if not before and following in AFTER_VERB and word in VERB_AT_FIRST:
        return "v"
    return "v" if word in USUALLY_VERB else "n"


def _read(before: str) -> str:
    """Past after has, is and he; present after to, will and you."""
    if before in PERFECT or before in ("he", "she", "it", "who", "and"):
        return "v_p"
    return "v" if before in BEFORE_VERB or not before or before in BEFORE_NOUN else "v_p"


def _close(before: str, following: str) -> str:
    if following in ("to", "by", "enough", "up") or before in ("very", "so", "too", "is", "are", "was", "were", "how"):
        return "n"
    return "v" if before in BEFORE_VERB or following in AFTER_VERB else "n"
