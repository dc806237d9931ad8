"""Amounts of money in words."""

from __future__ import annotations

import re

from voxduct.tts.text.acronyms import spell
from voxduct.tts.text.numbers import cardinal, number

CURRENCIES = {
    "$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", "sen"),
    "₹": ("rupee", "paisa"), "EUR": ("euro", "cent"), "GBP": ("pound", "penny"),
    "USD": (spell("US") + " dollar", "cent"),
    "CHF": ("swiss franc", "centime"),
}  # fmt: skip
PLURALS = {"penny": "pence", "yen": "yen", "sen": "sen", "paisa": "paise"}
SCALES = {
    "k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion",
    "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
}  # fmt: skip
_AMOUNT = r"(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?"
_SCALE = r"(?:\s*(thousand|million|billion|trillion|[kKmMbB]n?|[tT])\b)?"
_SIGN_FIRST = re.compile(rf"(-|−)?(?:US|A|C)?([$£€¥₹])\s*{_AMOUNT}{_SCALE}")
_CODE_FIRST = re.compile(rf"\b(USD|EUR|GBP|CHF)\s*{_AMOUNT}{_SCALE}")
_AFTER = re.compile(rf"(?<![\w.,]){_AMOUNT}{_SCALE}\s*([€£¥$]|(?:USD|EUR|GBP|CHF)\b)")
_RANGE = re.compile(r"([$£€¥])(\d+)\s?[-–]\s?[$£€¥]?(?=\d)")
_CENTS = re.compile(r"(?<![\w.,])(\d+)\s*¢")


def plural(word: str, one: bool) -> str:
    """The plural of a currency's word."""
    return word if one else PLURALS.get(word, word + "s")


def money_words(currency: str, whole: str, fraction: str | None, scale: str | None) -> str:
    """`$`, `3`, `.50` to "three dollars and fifty cents"; with a scale "five million dollars"."""
    name, cent = CURRENCIES[currency]
    amount = int(whole.replace(",", ""))
    if scale:
        return f"{number(whole + (fraction or ''))} {SCALES[scale.lower()]} {plural(name, False)}"
    if fraction and len(fraction) != 3:  # not two decimals
        return f"{number(whole + fraction)} {plural(name, False)}"
    cents = int(fraction[1:]) if fraction else 0
    small = f"{cardinal(cents)} {plural(cent, cents == 1)}"
    if cents and not amount:
        return small
    return f"{cardinal(amount)} {plural(name, amount == 1)}" + (f" and {small}" if cents else "")


def expand_money(text: str) -> str:
    """The text with amounts of money in words."""
    text = _RANGE.sub(lambda match: f"{match[2]} to {match[1]}", text)
    text = _SIGN_FIRST.sub(
        lambda match: ("minus " if match[1] else "") + money_words(match[2], match[3], match[4], match[5]) + " ", text
    )
    text = _CODE_FIRST.sub(lambda match: money_words(match[1], match[2], match[3], match[4]), text)
    text = _AFTER.sub(lambda match: money_words(match[4], match[1], match[2], match[3]), text)
    return _CENTS.sub(lambda match: f"{cardinal(int(match[1]))} {plural('cent', match[1] == '1')}", text)
