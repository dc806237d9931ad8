"""Abbreviations: what they stand for, and which of them a full stop after does not end a sentence."""

from __future__ import annotations

import re

from voxduct.tts.text.acronyms import spell

WITH_STOP = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "prof": "professor", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "et cetera", "inc": "incorporated", "ltd": "limited", "corp": "corporation",
    "dept": "department", "approx": "approximately", "est": "estimated", "vol": "volume", "fig": "figure",
    "gen": "general", "sen": "senator", "rep": "representative", "gov": "governor", "capt": "captain",
    "lt": "lieutenant", "col": "colonel", "sgt": "sergeant", "rev": "reverend", "hon": "honorable",
    "ave": "avenue", "blvd": "boulevard", "rd": "road", "apt": "apartment", "ext": "extension", "mt": "mount",
    "pres": "president", "messrs": "messers", "min": "minutes", "max": "maximum", "tel": "telephone",
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july",
    "aug": "august", "sep": "september", "sept": "september", "oct": "october", "nov": "november",
    "dec": "december", "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday",
    "thu": "thursday", "thurs": "thursday", "fri": "friday",
}  # fmt: skip
"""Lower case, written with a full stop."""

WITHOUT_STOP = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "prof": "professor", "vs": "versus", "etc": "et cetera",
    "ltd": "limited", "dept": "department", "approx": "approximately", "blvd": "boulevard", "sgt": "sergeant",
    "jr": "junior",
}  # fmt: skip
"""Lower case, understood without a full stop too."""

LATIN = {"e.g.": "for example", "i.e.": "that is", "cf.": "compare", "et al.": "and others", "n.b.": "note well"}
MAY_END_SENTENCE = frozenset({"etc", "inc", "ltd", "corp", "co", "jr", "sr", "a.m", "p.m", "ave", "blvd", "rd"})
NEVER_END_SENTENCE = frozenset({*WITH_STOP, "dr", "st", "e.g", "i.e", "no", "cf", "al"}) - MAY_END_SENTENCE - {"max"}

_LATIN = re.compile(r"(?<![a-z])(?:" + "|".join(re.escape(key) for key in LATIN) + ")", re.IGNORECASE)
_MARKED = re.compile(r"\b(" + "|".join(sorted(WITH_STOP, key=len, reverse=True)) + r")\.", re.IGNORECASE)
_BARE = re.compile(r"\b(" + "|".join(WITHOUT_STOP) + r")\b(?!')")
_BARE_TITLE = re.compile(r"\b(Mr|Mrs|Ms|Prof|Sgt|Jr)\b(?!')")
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b(?!\.))?")
_DEGREE = re.compile(r"\bPh\.?D\b\.?")
_INITIAL = re.compile(r"(?<![\w.])([A-Z])\.(?=\s+[A-Z])")
_NUMBER = re.compile(r"\bNos?\.\s*(?=\d)")
_STREET = re.compile(r"(?<=[A-Z][a-z]{2} |[a-z]{3} )(St|Dr)\b\.?(?=\s*(?:[,.;!?]|$|[a-z]))")
_NAMED = re.compile(r"\b(St|Dr|Mt)\b\.?(?=\s+[A-Z])")
_DOCTOR = re.compile(r"\b(St|Dr)\.|\bDr\b")
_ENDS = re.compile(r"\s*$")


def expand_abbreviations(text: str) -> str:
    """The text with abbreviations written out; a full stop that also ends the sentence stays."""
    text = _NUMBER.sub("number ", text)
    text = _LATIN.sub(lambda match: LATIN[match[0].lower()] + " ", text)
    text = _STREET.sub(lambda match: {"St": "street", "Dr": "drive"}[match[1]], text)
    text = _NAMED.sub(lambda match: {"St": "saint", "Dr": "doctor", "Mt": "mount"}[match[1]], text)
    text = _DOCTOR.sub(lambda match: "street" if match[1] == "St" else "doctor", text)
    text = _MARKED.sub(lambda match: WITH_STOP[match[1].lower()] + _kept_stop(match), text)
    text = _BARE_TITLE.sub(lambda match: WITHOUT_STOP[match[1].lower()], text)
    text = _BARE.sub(lambda match: WITHOUT_STOP[match[1]], text)
    text = _DEGREE.sub(lambda match: spell(match[0]), text)
    text = _INITIAL.sub(lambda match: spell(match[1]), text)
    return _DOTTED.sub(lambda match: spell(match[0].replace(".", "")) + _kept_stop(match), text)


def _kept_stop(match: re.Match[str]) -> str:
    """A full stop when the abbreviation is the last thing of the text."""
    return "." if _ENDS.match(match.string, match.end()) else ""
