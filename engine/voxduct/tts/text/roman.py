"""Roman numerals from II to XX behind a name or a counted thing."""

from __future__ import annotations

import re

from voxduct.tts.text.numbers import cardinal, ordinal

NUMERALS = "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX".split()
COUNTED = frozenset(
    "war chapter part volume book act phase type section level grade class title scene stage step appendix table "
    "figure bowl episode mark".split()
)
_NUMERAL = re.compile(r"\b([A-Z][a-z]+) (" + "|".join(sorted(NUMERALS[1:], key=len, reverse=True)) + r")\b(?!')")


def expand_roman(text: str) -> str:
    """`World War II` is two, `Henry VIII` is the eighth; single letters but the numerals of counted things stay."""

    def words(match: re.Match[str]) -> str:
        value = NUMERALS.index(match[2]) + 1
        if match[1].lower() in COUNTED:
            return f"{match[1]} {cardinal(value)}"
        return match[0] if len(match[2]) == 1 else f"{match[1]} the {ordinal(value)}"

    return _NUMERAL.sub(words, text)
