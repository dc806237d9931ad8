"""Dates and times of day in words."""

from __future__ import annotations

import re

from voxduct.tts.text.acronyms import spell
from voxduct.tts.text.numbers import cardinal, ordinal, year

MONTHS = "january february march april may june july august september october november december".split()
_NAMES = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    "Nov(?:ember)?|Dec(?:ember)?"
)
_MONTH = rf"({_NAMES})\b\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{4})"
_WEEKDAY = re.compile(rf"\b(Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun)\b\.?(?=,?\s+(?:\d|{_NAMES}))")
WEEKDAYS = {
    "mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday",
    "sun": "sunday",
}  # fmt: skip
_ISO = re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?:T(?=\d{2}:))?(?![\d-])")
_NUMERIC = re.compile(r"(?<![\d/.-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?![\d/-])")
_MONTH_DAY = re.compile(rf"\b{_MONTH}\s+{_DAY}(?:\s*,?\s+{_YEAR})?(?![\d:%/.]\d|\d)")
_DAY_MONTH = re.compile(rf"\b(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?(?!\d)")
_MONTH_YEAR = re.compile(rf"\b{_MONTH}\s+{_YEAR}(?!\d)")
_TIME = re.compile(
    r"(?<![\d:.])(\d{1,2})[:.]([0-5]\d)(?::([0-5]\d))?\s*([ap])\.?m\b\.?|(?<![\d:.])(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?![\d:])",
    re.IGNORECASE,
)
_RANGE = re.compile(r"([ap]\.?m\.?)\s?[-–]\s?(?=\d)", re.IGNORECASE)
_HOUR = re.compile(r"(?<![\d:.,])(\d{1,2})\s*([ap])(?:\.\s?m\.|m\b)", re.IGNORECASE)


def month_number(name: str) -> int:
    """1 to 12 of a month's name or abbreviation."""
    return next(index for index, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))


def date_words(day: int, month: int, year_number: int | None) -> str:
    """As in november twenty second, twenty twenty six."""
    words = f"{MONTHS[month - 1]} {ordinal(day)}"
    return words if year_number is None else f"{words}, {year(year_number)}"


def time_words(hour: int, minute: int, second: int | None, half: str | None) -> str:
    """As in seven thirty P M; seven o'clock; nineteen forty five; seconds at the end when there are some."""
    if minute:
        words = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif half or hour > 12 or hour == 0:
        words = cardinal(hour) if half else f"{cardinal(hour)} hundred hours"
    else:
        words = f"{cardinal(hour)} o'clock"
    if second:
        words += f" and {cardinal(second)} second{'s' if second != 1 else ''}"
    return f"{words} {spell(half + 'm')}" if half else words


def _valid(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def _iso(match: re.Match[str]) -> str:
    year_number, month, day = int(match[1]), int(match[2]), int(match[3])
    return f"{date_words(day, month, year_number)} " if _valid(day, month) else match[0]


def _numeric(match: re.Match[str]) -> str:
    first, second, year_number = int(match[1]), int(match[3]), int(match[4])
    month, day = (first, second) if first <= 12 and match[2] != "." else (second, first)
    if month > 12:
        month, day = day, month
    return date_words(day, month, year_number) if _valid(day, month) else match[0]


def _month_day(match: re.Match[str]) -> str:
    day = int(match[2])
    if not 1 <= day <= 31:
        return match[0]
    return date_words(day, month_number(match[1]), int(match[3]) if match[3] else None)


def _day_month(match: re.Match[str]) -> str:
    day = int(match[1])
    if not 1 <= day <= 31:
        return match[0]
    words = f"the {ordinal(day)} of {MONTHS[month_number(match[2]) - 1]}"
    return f"{words}, {year(int(match[3]))}" if match[3] else words


def _time(match: re.Match[str]) -> str:
    hour, minute, second, half = match[1] or match[5], match[2] or match[6], match[3] or match[7], match[4]
    if int(hour) > 24:
        return match[0]
    stop = "." if half and match[0].endswith(".") and match.end() == len(match.string.rstrip()) else ""
    return time_words(int(hour), int(minute), int(second) if second else None, half) + stop


def _hour(match: re.Match[str]) -> str:
    if not 1 <= int(match[1]) <= 12:
        return match[0]
    stop = "." if match[0].endswith(".") and match.end() == len(match.string.rstrip()) else ""
    return time_words(int(match[1]), 0, None, match[2]) + stop


def expand_dates(text: str) -> str:
    """The text with dates and times of day in words; what is no valid date stays."""
    text = _ISO.sub(_iso, text)
    text = _NUMERIC.sub(_numeric, text)
    text = _WEEKDAY.sub(lambda match: WEEKDAYS[match[1].lower()[:3]], text)
    text = _RANGE.sub(lambda match: f"{match[1]} to ", text)
    text = _TIME.sub(_time, text)
    text = _HOUR.sub(_hour, text)
    text = _DAY_MONTH.sub(_day_month, text)
    text = _MONTH_DAY.sub(_month_day, text)
    return _MONTH_YEAR.sub(lambda match: f"{MONTHS[month_number(match[1]) - 1]} {year(int(match[2]))}", text)
