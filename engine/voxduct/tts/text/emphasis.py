"""Which words are written as if to be stressed: `*word*` and `_word_`, as in chats and Markdown, and CAPITALS.

Signs travel through the normaliser as two private-use characters around what they stand around, since a figure between
them becomes several words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

OPENS, CLOSES = "\ue01a", "\ue01b"  # behind the spelled letters of `acronyms`
LEAST_CAPITALS = 4  # letters; shorter words in capitals are mostly abbreviations
ACRONYMS = frozenset(
    "ajax aids ascii asean basic bios cobol covid cuda fifa fema isis jpeg json laser lidar nafta nasa nascar nato "
    "opec radar rest sars scuba sonar soap swat toml uefa unesco unicef unix vram wasp yaml".split()
)
"""Said as words, and always written in capitals."""

# Not in `2*3*4`, `snake_case`, `f(*args)`, nor in addresses, bullets and formulas: signs close to their words alone.
_MARKED = re.compile(r"(?<![^\s(\[\"—–-])([*_]{1,3})(?=[^\s*_])([^*_\n]{1,100})(?<!\s)\1(?![\w*/@])")


def mark(text: str) -> str:
    """Folded text with its signs of emphasis replaced by private characters."""
    return _MARKED.sub(rf"{OPENS}\2{CLOSES}", text)


def shouts(text: str) -> bool:
    """Whether most letters are capitals, so that these stress nothing."""
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(character.isupper() for character in letters) > len(letters)


def is_stressed(word: str, knows: Callable[[str], bool]) -> bool:
    """Whether a word as it is written is in capitals for stress; `knows` says what the lexicon has."""
    plain = word.lower()
    return len(word) >= LEAST_CAPITALS and word.isupper() and plain not in ACRONYMS and knows(plain)
