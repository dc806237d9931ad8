"""Digits that are left once dates, money and units are gone: phone numbers, ranges, fractions, ordinals, years."""

from __future__ import annotations

import re

from voxduct.tts.text.acronyms import spell
from voxduct.tts.text.numbers import cardinal, decade, digits, fraction, number, ordinal, year

_INT = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_PHONE = re.compile(
    r"(?<![\w.,/-])(\+\d[\d\s().-]{6,18}\d|\(\d{3}\)\s?\d{3}[\s.-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|\d{3}-\d{4}|0\d{2,4}[\s-]\d{3,4}[\s-]?\d{3,4})(?![\w,/-]|\.\d)"
)
_DOTTED = re.compile(r"(?<![\w.])([vV])?(\d+(?:\.\d+){2,})(?![\w])")
_VERSION = re.compile(r"\b[vV](?=\d)")
_DECADE = re.compile(r"(?<![\w.,])(?:'(?=\d0s)|(?<=the )(?=\d0'?s)|(?=\d{4}))((?:1[1-9]|20)?\d0)'?s\b")
_HEIGHT = re.compile(r"(?<![\w.,])(\d)'\s?(\d{1,2})\"")
_THOUSANDS = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)[kK]\b")
_YEARS = re.compile(r"(?<![\w.,/-])((?:1[1-9]|20)\d\d)\s?[-–—]\s?((?:1[1-9]|20)?\d\d)(?![\w/-]|[.,]\d)")
_RANGE = re.compile(rf"(?<![\w.,/-])({_INT}(?:\.\d+)?)\s?[-–—]\s?({_INT}(?:\.\d+)?)(?![\w/-]|[.,]\d)")
_RATIO = re.compile(r"(?<![\w.,:])(\d{1,4}):(\d{1,4})(?![\w:]|[.,]\d)")
_MIXED = re.compile(r"(?<![\w.,/-])(\d+)\s(\d{1,2})/(\d{1,3})(?![\w/-])")
_FRACTION = re.compile(r"(?<![\w.,/-])(\d{1,3})/(\d{1,3})(?![\w/-])")
_TIMES = re.compile(r"(?<=\d)\s?[x×]\s?(?=\d)")
_FACTOR = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)x\b")
_ORDINAL = re.compile(rf"(?<![\w.,])({_INT})(?:st|nd|rd|th)\b")
_YEAR = re.compile(r"(?<![\w.,])(1[1-9]\d\d|20\d\d)(?![\w]|[.,]\d)('s)?")
_CODE = re.compile(r"(?<![\w.,])(\d{11,})(?![\w]|[.,]\d)")
_PLAIN = re.compile(rf"(?<![\w.])([-−](?=\.?\d))?({_INT}(?:\.\d+)?|\.\d+)")


def expand_figures(text: str) -> str:
    """The text without digits."""
    text = _PHONE.sub(lambda match: phone_words(match[0]), text)
    text = text.replace("24/7", "twenty four seven").replace("50/50", "fifty fifty")
    text = _HEIGHT.sub(lambda match: f"{number(match[1])} foot {number(match[2])}", text)
    text = _THOUSANDS.sub(lambda match: f"{number(match[1])} thousand", text)
    text = _DOTTED.sub(_dotted, text)
    text = _VERSION.sub("version ", text)
    text = _YEARS.sub(_years, text)
    text = _RANGE.sub(lambda match: f"{number(match[1])} to {number(match[2])}", text)
    text = _RATIO.sub(lambda match: f"{number(match[1])} to {number(match[2])}", text)
    text = _MIXED.sub(_mixed, text)
    text = _FRACTION.sub(lambda match: fraction(int(match[1]), int(match[2])), text)
    text = _FACTOR.sub(lambda match: f"{number(match[1])} times", text)
    text = _TIMES.sub(" by ", text)
    text = _ORDINAL.sub(lambda match: ordinal(int(match[1].replace(",", ""))) if len(match[1]) < 25 else match[0], text)
    text = _YEAR.sub(lambda match: year(int(match[1])) + (match[2] or ""), text)
    text = _split_mixed_tokens(text)
    text = _CODE.sub(lambda match: digits(match[1]), text)
    text = _PLAIN.sub(lambda match: ("minus " if match[1] else "") + number(match[2]), text)
    return re.sub(r"\d+", lambda match: f" {digits(match[0])} ", text)


def expand_decades(text: str) -> str:
    """`1990s` and `'90s`; before the units, where `s` is seconds."""
    return _DECADE.sub(lambda match: decade(int(match[1])), text)


def _dotted(match: re.Match[str]) -> str:
    parts = match[2].split(".")
    if len(parts) == 4:  # an address of the internet
        return " dot ".join(digits(part) for part in parts)
    return ("version " if match[1] else "") + " point ".join(number(part) for part in parts)


def phone_words(text: str) -> str:
    """Digit by digit, a short pause between groups."""
    groups = [digits(group) for group in re.findall(r"\d+", text)]
    return ("plus " if text.startswith("+") else "") + ", ".join(groups)


def _years(match: re.Match[str]) -> str:
    first, second = int(match[1]), match[2]
    return f"{year(first)} to {year(int(second)) if len(second) == 4 else cardinal(int(second))}"


def _mixed(match: re.Match[str]) -> str:
    top, bottom = int(match[2]), int(match[3])
    if top >= bottom:
        return match[0]
    part = {(1, 2): "a half", (1, 4): "a quarter"}.get((top, bottom)) or fraction(top, bottom)
    return f"{number(match[1])} and {part}"


def _split_mixed_tokens(text: str) -> str:
    """`mp3`, `H264`, `A4`, `B2B`: letters and digits apart; short letter runs are spelled."""

    def split(match: re.Match[str]) -> str:
        parts = re.findall(r"[A-Za-z]+|\d+", match[0])
        return " ".join(_spelled_if_short(part) if part.isalpha() else part for part in parts)

    return re.sub(r"(?<![\w'])(?=\w*\d)(?=\w*[A-Za-z])\w+", split, text.replace("_", " "))


def _spelled_if_short(letters: str) -> str:
    if len(letters) <= 2 or not re.search(r"[aeiouy]", letters.lower()) or (letters.isupper() and len(letters) <= 3):
        return spell(letters)
    return letters
