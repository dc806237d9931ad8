"""Spelt-out numbers as a reader expects them: figures from ten on, years, times, money, percentages, long digits.

Works on the words of a sentence, so that every figure knows how many spoken words it stands for: "twenty three" is one
shown word of two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voxduct_training.phrases import TENS, UNITS, ordinal_words

ONES = {word: value for value, word in enumerate(UNITS)}
ROUND = {word: 10 * value for value, word in enumerate(TENS, start=2)}
ORDINALS = {ordinal_words(value): value for value in range(10, 32)}
SCALES = {"thousand": 1_000, "million": 1_000_000}
LEAST = 10  # smaller numbers stay words, where nothing but a number is said
SHORTEST_DIGITS = 3
CLOSING = ",.?"


@dataclass(frozen=True, slots=True)
class Shown:
    """One word as it is shown, and how many spoken words it stands for."""

    text: str
    words: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A number from some place on: its value and words."""

    value: int
    words: int


def with_figures(text: str) -> list[Shown]:
    """The words of a shown sentence, its spelt-out numbers as figures where a reader expects them."""
    tokens, at = text.split(), 0
    shown: list[Shown] = []
    while at < len(tokens):
        found = _figure(_plain_run(tokens[at:])) or Shown(tokens[at], 1)
        if found.words > 1 or found.text != tokens[at]:
            last = tokens[at + found.words - 1]
            found = Shown(found.text + last[len(last.rstrip(CLOSING)) :], found.words)
        shown.append(found)
        at += found.words
    return shown


def _plain_run(tokens: Sequence[str]) -> list[str]:
    """Lower-case words up to the first that a mark follows."""
    words: list[str] = []
    for token in tokens:
        word = token.rstrip(CLOSING).lower()
        words.append(word)
        if word != token.lower():
            break
    return words


def _figure(words: Sequence[str]) -> Shown | None:
    rules: tuple[Callable[[Sequence[str]], Shown | None], ...] = (_digits, _time, _year, _ordinal, _amount)
    return next((found for rule in rules if (found := rule(words))), None)


def _digits(words: Sequence[str]) -> Shown | None:
    """Three digits or more, one after the other, as a telephone number is said."""
    count = next((n for n, word in enumerate(words) if ONES.get(word, 10) > 9), len(words))
    return Shown("".join(str(ONES[word]) for word in words[:count]), count) if count >= SHORTEST_DIGITS else None


def _time(words: Sequence[str]) -> Shown | None:
    """seven thirty; seven o'clock."""
    hour = ONES.get(words[0], 0)
    if not 1 <= hour <= 12 or len(words) < 2:
        return None
    if words[1] == "o'clock":
        return Shown(str(hour), 1)
    minutes = _below_hundred(words[1:])
    if hour >= LEAST or minutes is None or minutes.value < LEAST or minutes.value >= 60 or _is_scale(words, 2):
        return None
    return Shown(f"{hour}:{minutes.value}", 1 + minutes.words)


def _year(words: Sequence[str]) -> Shown | None:
    """nineteen sixty three; nineteen oh five."""
    century = _below_hundred(words[:1])
    if century is None or not 11 <= century.value <= 20 or len(words) < 2:
        return None
    if words[1] == "oh" and len(words) > 2 and 1 <= ONES.get(words[2], 0) <= 9:
        return Shown(f"{century.value}0{ONES[words[2]]}", 3)
    rest = _below_hundred(words[1:])
    if rest is None or rest.value < LEAST or _is_scale(words, 1 + rest.words):
        return None
    return Shown(f"{century.value}{rest.value}", 1 + rest.words)


def _ordinal(words: Sequence[str]) -> Shown | None:
    """fifteenth; twenty first."""
    for count in (2, 1):
        value = ORDINALS.get(" ".join(words[:count])) if len(words) >= count else None
        if value:
            ending = {1: "st", 2: "nd", 3: "rd"}.get(value % 10 if value // 10 != 1 else 0, "th")
            return Shown(f"{value}{ending}", count)
    return None


def _amount(words: Sequence[str]) -> Shown | None:
    """A whole or decimal number, with its dollars or its percent."""
    whole = _cardinal(words)
    if whole is None:
        return None
    rest = words[whole.words :]
    text, count = f"{whole.value:,}" if whole.value >= 10_000 else str(whole.value), whole.words
    if len(rest) > 1 and rest[0] == "point" and rest[1] in ONES and ONES[rest[1]] < 10:
        digits = next((n for n, word in enumerate(rest[1:]) if ONES.get(word, 10) > 9), len(rest) - 1)
        text += "." + "".join(str(ONES[word]) for word in rest[1 : 1 + digits])
        count, rest = count + 1 + digits, rest[1 + digits :]
    if rest and rest[0] == "percent":
        return Shown(text + "%", count + 1)
    if rest and rest[0] in ("dollars", "dollar") and "." not in text:
        cents = _below_hundred(rest[2:]) if rest[1:2] == ["and"] else None
        if cents and rest[2 + cents.words : 3 + cents.words] in (["cents"], ["cent"]):
            return Shown(f"${text}.{cents.value:02d}", count + 3 + cents.words)
        return Shown(f"${text}", count + 1)
    return Shown(text, count) if whole.value >= LEAST or "." in text else None


def _cardinal(words: Sequence[str]) -> _Found | None:
    """A whole number below a thousand million, at the longest."""
    total, count = 0, 0
    for scale in (1_000_000, 1_000, 1):
        part = _below_thousand(words[count:]) if not count or scale > 1 else _after_and(words[count:])
        if part is None:
            continue
        named = words[count + part.words : count + part.words + 1]
        if scale == 1:
            return _Found(total + part.value, count + part.words)
        if named and SCALES.get(named[0]) == scale:
            total, count = total + part.value * scale, count + part.words + 1
    return _Found(total, count) if count else None


def _below_thousand(words: Sequence[str]) -> _Found | None:
    head = _below_hundred(words)
    if head is None or words[head.words : head.words + 1] != ["hundred"]:
        return head
    count = head.words + 1
    rest = _after_and(words[count:])
    if rest is None or rest.value >= 100:
        return _Found(100 * head.value, count)
    return _Found(100 * head.value + rest.value, count + rest.words)


def _after_and(words: Sequence[str]) -> _Found | None:
    if words[:1] != ["and"]:
        return _below_thousand(words) if words and words[0] in {**ONES, **ROUND} else None
    found = _below_hundred(words[1:])
    return _Found(found.value, found.words + 1) if found else None


def _below_hundred(words: Sequence[str]) -> _Found | None:
    if not words:
        return None
    if words[0] in ONES:
        return _Found(ONES[words[0]], 1)
    if words[0] not in ROUND:
        return None
    unit = ONES.get(words[1], 0) if len(words) > 1 else 0
    return _Found(ROUND[words[0]] + unit, 2) if 1 <= unit <= 9 else _Found(ROUND[words[0]], 1)


def _is_scale(words: Sequence[str], at: int) -> bool:
    return len(words) > at and (words[at] == "hundred" or words[at] in SCALES)
