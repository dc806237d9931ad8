"""Capital words: which are said as words and which letter by letter.

A spelled letter travels through the normaliser as one private-use character, so that the letter A cannot be taken
for the article; `letter_name` turns it into a capital, the normaliser's sign for "the name of this letter".
"""

from __future__ import annotations

import re
from collections.abc import Callable

FIRST_LETTER = 0xE000  # private use area; A is U+E000
SPELLED = frozenset(
    "us uk eu un it ai id tv pc os ip ui ux api cpu gpu usb pdf faq sos atm asap diy aka am pm la".split()
)
SAID_IN_CAPITALS = frozenset(
    "a i an and are as at be but by can day did do end few for get go had has he her hey him his hot how if in is "
    "its let lot low man may me men my new no nor not now of off oh ok old on one or our out own put red run saw say "
    "see set she sit so stop ten the they this that to too top try two up use very was way we who why will with yes "
    "yet you all any ask bad best big both come done each even ever from good have help here just keep last left less "
    "like live long look made make many more most must need next none only open over read real same some such sure "
    "take than them then there these time today turn wait want well went were what when where which while work your"
    .split()
)  # fmt: skip
VOWELS = frozenset("aeiouy")


def spell(letters: str) -> str:
    """Letters one by one, in the normaliser's private form."""
    return " ".join(chr(FIRST_LETTER + ord(letter) - ord("A")) for letter in letters.upper() if "A" <= letter <= "Z")


def letter_name(character: str) -> str | None:
    """The capital that a private character stands for, or None."""
    place = ord(character) - FIRST_LETTER
    return chr(ord("A") + place) if 0 <= place < 26 else None


def is_private(character: str) -> bool:
    """Whether input may not contain this character because it is one of ours."""
    return letter_name(character) is not None


def is_pronounceable(word: str) -> bool:
    """A rough test for an unknown capital word: vowels often enough, no long run of consonants."""
    return bool(VOWELS & set(word)) and not re.search(r"[^aeiouy]{4,}|^[^aeiouyhlrsw]{2}|[aeiou]{4,}", word)


def expand_capitals(text: str, knows: Callable[[str], bool]) -> str:
    """Capital words that are not words become spelled letters; `knows` says what the lexicon has."""
    letters = [character for character in text if character.isalpha() and not is_private(character)]
    shouting = len(letters) >= 12 and all(character.isupper() for character in letters)

    def decide(match: re.Match[str]) -> str:
        word, plural = match[1], match[2] or ""
        if is_said(word.lower(), shouting, knows):
            return match[0]
        return spell(word) + ("'s" if plural else "")

    return re.sub(r"(?<![\w'])([A-Z]{2,})('?s)?(?![\w'])", decide, text)


def is_said(word: str, shouting: bool, knows: Callable[[str], bool]) -> bool:
    """Whether a word written in capitals is said as a word."""
    if word in SAID_IN_CAPITALS:
        return True
    if word in SPELLED and not (shouting and word in ("us", "it", "am")):
        return False
    if len(word) <= 3:
        return shouting and knows(word)
    return knows(word) or (len(word) >= 5 and is_pronounceable(word))
