"""Where speech may begin before its sentence is whole: at the end of a clause, once the words behind it are known.

The rule looks at text alone. A clause that is spoken by itself should sound as it would have in its sentence: the voice
pauses at these marks anyway. So nothing is cut that is short (one or two words are the hardest thing to say well, and
their sound would be over before more text has come), that leaves a word alone, or that is an item of a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxduct.tts.text.symbols import ZERO_TO_NINE

MIN_WORDS = 3
FIRST_LETTERS = 12  # letters and digits, about a second of speech, in which a language model writes nine words
LATER_LETTERS = 50  # once there is speech to listen to, a sentence is only cut where it has grown long
LIST_WORDS = frozenset({"and", "or", "nor", "&"})
FOLLOWING = 3  # whole words behind a comma that say whether it stands in a list
FOLLOWING_STRONG = 2  # behind other marks; fewer would leave a word alone
PAUSE_MARKS = (",", ";", ":", "—", "–", " -", "--")
"""What a clause ends with."""

_PIECE = re.compile(r"[^\s—]*—+[\"'”’)]*|[^\s—]+")
_MARK = re.compile(r"[\w)\]\"'”’%](?P<mark>,|;|:|\s?[—–]+|\s-|\s?--)$")
_PUNCTUATED = re.compile(r"[^\w'’%)\]\"”-]\W*$")


@dataclass(frozen=True, slots=True)
class Clause:
    """What is spoken in one go: a sentence, or a part of one."""

    text: str
    ends_sentence: bool


@dataclass(slots=True)
class _Word:
    """A word with what stands around it; `end` is where it ends in its text."""

    text: str
    end: int


def clause_end(text: str, *, first: bool) -> int | None:
    """Where the first clause of an unfinished sentence ends that may be spoken already; None while there is none.

    Args:
        text: whole words, of which nothing has been spoken yet.
        first: nothing at all has been spoken yet.
    """
    words = _words(text)
    least = FIRST_LETTERS if first else LATER_LETTERS
    letters, last_mark = 0, 0
    for count, word in enumerate(words, start=1):
        letters += sum(character.isalnum() for character in word.text)
        found = _MARK.search(word.text)
        if found is None:
            continue
        long_enough = count >= MIN_WORDS and letters >= least
        if long_enough and _may_end(found["mark"], text[: word.end], words[count:], count - last_mark):
            return word.end
        last_mark = count
    return None


def _may_end(mark: str, before: str, following: list[_Word], item_words: int) -> bool:
    """Whether a clause ends at this mark, for all that is known; `item_words`: words since the mark before it."""
    comma = mark == ","
    if len(following) < (FOLLOWING if comma else FOLLOWING_STRONG) or before.count("(") > before.count(")"):
        return False
    first, digits = following[0].text, tuple(ZERO_TO_NINE)
    if first.startswith(digits) and (comma or before.removesuffix(mark).endswith(digits)):
        return False  # a date, an address, a range
    return not comma or (item_words > 1 and not _goes_on_as_list(following[:FOLLOWING]))


def _goes_on_as_list(words: list[_Word]) -> bool:
    """Whether a comma before these words is one of a list's, or leaves fewer than three words before the next mark."""
    listing = any(word.text.lower() in LIST_WORDS for word in words[1:])
    return listing or any(_PUNCTUATED.search(word.text) for word in words[:-1])


def _words(text: str) -> list[_Word]:
    """The words of a text; marks that stand alone belong to the word before them."""
    words: list[_Word] = []
    for piece in _PIECE.finditer(text):
        if any(character.isalnum() for character in piece[0]):
            words.append(_Word(piece[0], piece.end()))
        elif words:
            words[-1].text += " " + piece[0]
            words[-1].end = piece.end()
    return words
