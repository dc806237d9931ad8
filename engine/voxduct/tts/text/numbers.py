"""Numbers in words, American style without "and"."""

from __future__ import annotations

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion"]
LARGEST = 10 ** (3 * len(SCALES))  # from here on a number is said digit by digit
IRREGULAR_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def digits(text: str) -> str:
    """Every digit by itself; other characters are dropped."""
    return " ".join(ONES[int(digit)] for digit in text if digit in "0123456789")


def cardinal(value: int) -> str:
    """Any integer; from 10^24 on digit by digit."""
    if value < 0:
        return "minus " + cardinal(-value)
    if value >= LARGEST:
        return digits(str(value))
    if value < 1000:
        return _below_thousand(value)
    groups, scale = [], 0
    while value:
        value, rest = divmod(value, 1000)
        if rest:
            groups.append(f"{_below_thousand(rest)} {SCALES[scale]}".strip())
        scale += 1
    return " ".join(reversed(groups))


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        words.append(TENS[rest // 10] + (f" {ONES[rest % 10]}" if rest % 10 else ""))
    elif rest or not hundreds:
        words.append(ONES[rest])
    return " ".join(words)


def ordinal(value: int) -> str:
    """first, second, twenty first ..."""
    *before, last = cardinal(value).split()
    if last in IRREGULAR_ORDINALS:
        last = IRREGULAR_ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return " ".join([*before, last])


def year(value: int) -> str:
    """As in nineteen ninety nine, two thousand five, twenty twenty six; others as cardinals."""
    high, low = divmod(value, 100)
    if not 1100 <= value <= 2099 or 2000 <= value <= 2009:
        return cardinal(value)
    if low == 0:
        return f"{cardinal(high)} hundred"
    return f"{cardinal(high)} {'oh ' if low < 10 else ''}{cardinal(low)}"


def decade(value: int) -> str:
    """1990 or 90 to "nineteen nineties" or "nineties"; value is a multiple of ten."""
    if value % 100 == 0:
        return year(value) + "s" if value >= 100 else "zeros"
    *before, last = (year(value) if value >= 100 else cardinal(value)).split()
    return " ".join([*before, last[:-1] + "ies" if last.endswith("y") else last + "s"])


def number(text: str) -> str:
    """A written number, `-1,234.50` or `007`: sign, thousands separators and decimals understood.

    A leading zero before other digits makes it a code, said digit by digit.
    """
    sign = "minus " if text.startswith(("-", "−")) else ""
    whole, point, fraction = text.lstrip("+-−").replace(",", "").partition(".")
    if len(whole) > 1 and whole.startswith("0"):
        words = digits(whole)
    else:
        words = cardinal(int(whole)) if whole else ""
    if point and fraction:
        words = f"{words} point {digits(fraction)}"
    return (sign + words).strip()


def fraction(top: int, bottom: int) -> str:
    """As in one half, three quarters, two thirds; "over" where nobody says it otherwise."""
    if bottom in (0, 1) or bottom > 100:
        return f"{cardinal(top)} over {cardinal(bottom)}"
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom)
    if top != 1:
        name = "halves" if bottom == 2 else name + "s"
    return f"{cardinal(top)} {name}"
