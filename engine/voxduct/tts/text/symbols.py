"""Plain text before anything is read: Unicode folded to what the rules know, and symbols in words."""

from __future__ import annotations

import re
import unicodedata

from voxduct.tts.text.acronyms import is_private, spell

FOLDED = str.maketrans({
    "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "−": "-",
    "‐": "-", "‑": "-", "‒": "-", "–": "–", "—": "—", "―": "—", "⁄": "/", "∕": "/", "…": "...", "·": " ", "•": " ",
    "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ß": "ss", "đ": "d", "ł": "l", "Ł": "L", "ð": "d",
    "þ": "th", "ı": "i", "。": ".", "！": "!", "？": "?", "，": ",", "、": ",", "：": ":", "；": ";", "μ": "µ",
    "™": " ", "®": " ", "©": " ", "\u00ad": None, "\u200b": None, "\u2060": None, "\ufeff": None, "\u200d": None,
})  # fmt: skip
WORDS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "<": "less than", ">": "greater than",
    "×": "times", "÷": "divided by", "±": "plus or minus", "≈": "about", "≤": "at most", "≥": "at least",
    "≠": "is not equal to", "§": "section", "°": "degrees", "$": "dollars", "£": "pounds", "€": "euros", "¥": "yen",
    "#": "hash", "→": "to", "µ": "micro", "∞": "infinity", "√": "square root of", "π": "pi", "Ω": "ohm",
}  # fmt: skip
KEPT = frozenset(".,;:!?'\"()[]{}-–—/%&+=@<>#$£€¥₹¢°×÷±≈≤≥≠§→µ∞√πΩ*_~^|\\")
ZERO_TO_NINE = "0123456789"


def fold(text: str) -> str:
    """NFKC, straight quotes, accents off; emoji, controls and letters of other scripts dropped (as a space)."""
    text = "".join(" " if is_private(character) else character for character in text).translate(FOLDED)
    text = re.sub(r"(\d)([½⅓⅔¼¾⅛⅜⅝⅞])", r"\1 \2", text)
    text = re.sub(r"([²³])", lambda match: {"²": "^2", "³": "^3"}[match[1]], text)
    composed = unicodedata.normalize("NFKC", text).translate(FOLDED)
    plain = unicodedata.normalize("NFD", composed)
    return "".join(_kept(character) for character in plain)


def _kept(character: str) -> str:
    if character in KEPT or character in ZERO_TO_NINE or (character.isascii() and character.isalpha()):
        return character
    return "" if unicodedata.category(character) == "Mn" else " "


_NUMBERED = re.compile(r"#\s?(?=\d)")
_TAG = re.compile(r"#(?=[A-Za-z])")
_DASH = re.compile(r"\s+[-–—]+\s+|\s*[—]+\s*|(?<=[A-Za-z])–(?=[A-Za-z])|-{2,}")
_JOINED = re.compile(r"\b([A-Z]{1,3})\s?&\s?([A-Z]{1,3})\b")
_BETWEEN = re.compile(r"(?<=[A-Za-z])\s*/\s*(?=[A-Za-z])")
_ABOUT = re.compile(r"~\s?(?=\d)")
_SQUARED = re.compile(r"\^\s?([23])(?!\d)")
_POWER = re.compile(r"\^\s?(?=[\d-])")


def expand_marks(text: str) -> str:
    """Symbols that belong to the figure beside them, and dashes that are pauses; before the figures are read."""
    text = _DASH.sub(" , ", text)
    text = _JOINED.sub(lambda match: f"{spell(match[1])} and {spell(match[2])}", text)
    text = _NUMBERED.sub("number ", text)
    text = _TAG.sub("hashtag ", text)
    text = _ABOUT.sub("about ", text)
    return text.replace("and/or", "and or")


def expand_powers(text: str) -> str:
    """`x^2` and `10^6`; after the units, which know square meters."""
    text = _SQUARED.sub(lambda match: " squared" if match[1] == "2" else " cubed", text)
    return _POWER.sub(" to the power of ", text)


def expand_symbols(text: str) -> str:
    """The text with symbols in words; the marks that make pauses stay."""
    text = _BETWEEN.sub(" slash ", text)
    return "".join(f" {WORDS[character]} " if character in WORDS else character for character in text)
