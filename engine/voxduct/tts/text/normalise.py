"""Written text to what is said: a list of words and pause marks.

A word is `[a-z']+`; a capital letter, alone or with `'s`, is the name of that letter; `,` and `.`, `?`, `!` are
pauses. Rules run from the most specific writing (addresses, dates) to the least (digits, symbols), each in its file.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voxduct.errors import TextError
from voxduct.tts.text.abbreviations import expand_abbreviations
from voxduct.tts.text.acronyms import expand_capitals, letter_name, spell
from voxduct.tts.text.dates import expand_dates
from voxduct.tts.text.emphasis import CLOSES, OPENS, is_stressed, mark, shouts
from voxduct.tts.text.figures import expand_decades, expand_figures
from voxduct.tts.text.money import expand_money
from voxduct.tts.text.roman import expand_roman
from voxduct.tts.text.symbols import expand_marks, expand_powers, expand_symbols, fold
from voxduct.tts.text.units import expand_units
from voxduct.tts.text.web import expand_web

PAUSES = frozenset(",.?!")
LONGEST_WORD = 30  # letters; longer ones are cut: nobody says them, and the grapheme model has a limit
_TOKEN = re.compile(r"[\ue000-\ue019](?:'s)?|[\ue01a\ue01b]|[A-Za-z]+(?:'[A-Za-z]+)*'?|[.,?!;:()\[\]{}\"–—-]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

RULES: tuple[Callable[[str], str], ...] = (
    expand_web,
    expand_marks,
    expand_money,
    expand_dates,
    expand_abbreviations,
    expand_decades,
    expand_units,
    expand_powers,
    expand_roman,
    expand_figures,
    expand_symbols,
)
"""In this order; each takes and returns the whole text."""

Knows = Callable[[str], bool]


def normalise(text: str, knows: Knows) -> list[str]:
    """Words and pause marks of one sentence; `knows` says whether the lexicon has a lower-case word.

    Never raises on any text but for this:

    Raises:
        TextError: nothing in the text can be spoken.
    """
    words = spoken_words(text, knows)
    if all(word in PAUSES for word in words):
        raise TextError("nothing in the text can be spoken; send words or numbers", param="text")
    return words


def spoken_words(text: str, knows: Knows) -> list[str]:
    """As `normalise`, but empty when nothing can be spoken."""
    return stressed_words(text, knows)[0]


def stressed_words(text: str, knows: Knows) -> tuple[list[str], list[int]]:
    """As `spoken_words`, and which of the words (pause marks not counted) are to be stressed.

    Where all are, none is: stress is what stands out.
    """
    text = mark(fold(text))
    capitals = not shouts(text)
    for expand in RULES:
        text = expand(text)
    tokens = _TOKEN.findall(expand_capitals(text, knows))
    plain = [token for token in tokens if token not in (OPENS, CLOSES)]
    words: list[str] = []
    marked, index = False, 0
    for token in tokens:
        if token in (OPENS, CLOSES):
            marked = token == OPENS
            continue
        index += 1
        said = _said(token, plain[index] if index < len(plain) else "", knows)
        stressed = marked or (capitals and is_stressed(token, knows))
        words += [OPENS + word if stressed and word and word not in PAUSES else word for word in said]
    return _without_marks(_tidy_pauses(words))


def _without_marks(words: list[str]) -> tuple[list[str], list[int]]:
    """Words, and which of them had a mark before them."""
    spoken = [word for word in words if word not in PAUSES]
    stressed = [number for number, word in enumerate(spoken) if word[0] == OPENS]
    return [word.removeprefix(OPENS) for word in words], stressed if len(stressed) < len(spoken) else []


def _said(token: str, following: str, knows: Knows) -> list[str]:
    name = letter_name(token[0])
    if name is not None:
        return [name + token[1:]]
    if not token[0].isalpha():
        return [_pause(token)]
    if token in ("A", "a"):
        return ["a"] if following[:1].isalpha() and following not in ("and", "or") else ["A"]
    if len(token) == 1 and token not in "Ii":
        return [token.upper()]
    return _word(token, knows)


def _word(token: str, knows: Knows) -> list[str]:
    """A written word as known words: camel case apart, consonants without a vowel spelled."""
    lower = token.lower().rstrip("'") or token.lower()
    if not knows(lower) and _CAMEL.search(token):
        parts = [part.lower() for part in _CAMEL.split(token)]
        if all(knows(part) for part in parts):
            return parts
    if not knows(lower) and re.fullmatch(r"[bcdfghjklmnpqrstvwxz]{2,6}", lower):
        return [letter_name(character) or "" for character in spell(lower).split()]
    if lower.isalpha():
        return [lower[at : at + LONGEST_WORD] for at in range(0, len(lower), LONGEST_WORD)]
    return [lower] if len(lower) <= LONGEST_WORD else [part[:LONGEST_WORD] for part in lower.split("'") if part]


def _pause(marks: str) -> str:
    """The pause that a run of punctuation makes, "" for none."""
    for strongest in "?!":
        if strongest in marks:
            return strongest
    if "." in marks:
        return "."
    return "" if set(marks) <= set('-"') else ","


def _tidy_pauses(words: list[str]) -> list[str]:
    """No pause at the start, none after another; the stronger one of a run stays."""
    tidy: list[str] = []
    for word in words:
        if not word or (word in PAUSES and not tidy):
            continue
        if word in PAUSES and tidy[-1] in PAUSES:
            if tidy[-1] == ",":
                tidy[-1] = word
            continue
        tidy.append(word)
    return tidy
