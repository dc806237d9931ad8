"""Numbers with a unit, percentages and temperatures in words."""

from __future__ import annotations

import re

from voxduct.tts.text.numbers import number

UNITS = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram", "g": "gram",
    "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce", "ft": "foot", "mi": "mile", "yd": "yard",
    "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter", "GHz": "gigahertz", "MHz": "megahertz",
    "kHz": "kilohertz", "Hz": "hertz", "TB": "terabyte", "GB": "gigabyte", "MB": "megabyte", "KB": "kilobyte",
    "kB": "kilobyte", "ms": "millisecond", "s": "second", "sec": "second", "min": "minute", "h": "hour",
    "hr": "hour", "hrs": "hour", "kW": "kilowatt", "MW": "megawatt", "W": "watt", "V": "volt", "kWh": "kilowatt hour",
    "dB": "decibel", "px": "pixel", "fps": "frame per second", "mph": "mile per hour", "rpm": "revolution per minute",
    "km/h": "kilometer per hour", "kph": "kilometer per hour", "m/s": "meter per second", "Mbps": "megabit per second",
    "Gbps": "gigabit per second", "kbps": "kilobit per second", "m^2": "square meter", "km^2": "square kilometer",
    "m2": "square meter", "m^3": "cubic meter", "ha": "hectare", "kcal": "kilocalorie", "cal": "calorie",
}  # fmt: skip
UNCHANGING = frozenset({"hertz", "kilohertz", "megahertz", "gigahertz"})
DEGREES = {"C": " celsius", "F": " fahrenheit", "K": " kelvin", "": ""}
_NUMBER = r"(?<![\w.,])([-−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?)(?<=\d)"
_NAMES = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_UNIT = re.compile(rf"{_NUMBER}\s?({_NAMES})(?![\w/^'])\.?(?!\w)")
_RANGE = re.compile(rf"(?<![\w.,-])(\d+(?:\.\d+)?)\s?[-–—]\s?(?=\d+(?:\.\d+)?\s?(?:%|°|(?:{_NAMES})(?!\w)))")
_PERCENT = re.compile(_NUMBER + r"\s?%")
_DEGREES = re.compile(_NUMBER + r"\s?°\s?([CFK]?)(?![a-z])")


def unit_plural(name: str, one: bool) -> str:
    """Plural of a unit; the first word takes it in "miles per hour", the last one in "square meters"."""
    if one or name in UNCHANGING:
        return name
    if name == "foot":
        return "feet"
    head, per, rest = name.partition(" per ")
    return head + "s" + per + rest


def expand_units(text: str) -> str:
    """The text with measured numbers in words."""
    text = _RANGE.sub(lambda match: f"{number(match[1])} to ", text)
    text = _PERCENT.sub(lambda match: f"{number(match[1])} percent", text)
    text = _DEGREES.sub(
        lambda match: f"{number(match[1])} degree{'' if match[1] == '1' else 's'}{DEGREES[match[2]]}", text
    )
    return _UNIT.sub(_unit, text)


def _unit(match: re.Match[str]) -> str:
    words = f"{number(match[1])} {unit_plural(UNITS[match[2]], match[1] == '1')}"
    return words + ("." if match[0].endswith(".") and not match.string[match.end() :].strip() else "")
