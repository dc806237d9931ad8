"""Cuts text that arrives in pieces into sentences, each as soon as it is certain.

Every character is looked at once and decisions depend only on what came before it, so the sentences cannot depend on
how the text was cut. A full stop is certain once the first character after the following space is known; a blank
line, or a sentence longer than the limit, is certain at once.
"""

from __future__ import annotations

import re

from voxduct.tts.abbreviations import MAY_END_SENTENCE, NEVER_END_SENTENCE

MAX_SENTENCE = 250  # characters; longer ones are cut at a comma or a space
MIN_CUT = 60  # characters; no cut leaves less than this before it, unless there is no other place
CLOSERS = "\"')]}”’»"
WIDE_STOPS = "。！？"
BULLETS = "-*•–—"
SPACE, LINE, PARAGRAPH = 1, 2, 3
_LAST_WORD = re.compile(r"([\w.]+)$")


class SentenceSplitter:
    """feed(text) -> sentences that became certain; flush() -> the rest.

    Sentences keep their punctuation; white space inside is single spaces and none is at the ends. Memory is bounded
    by the longest sentence.
    """

    def __init__(self, max_sentence: int = MAX_SENTENCE) -> None:
        self._max = max_sentence
        self._buffer: list[str] = []
        self._gap = 0

    def feed(self, text: str) -> list[str]:
        """Sentences that are certain now, in order."""
        found: list[str] = []
        for character in text:
            if character.isspace():
                self._widen_gap(character, found)
            else:
                self._push(character, found)
        return found

    def flush(self) -> list[str]:
        """The last sentence, if there is one; the splitter is as new after it."""
        found: list[str] = []
        self._emit(found)
        self._gap = 0
        return found

    def _widen_gap(self, character: str, found: list[str]) -> None:
        if character in "\n\u2028\u2029":
            self._gap = LINE if self._gap < LINE else PARAGRAPH
            if self._gap == PARAGRAPH:
                self._emit(found)
        else:
            self._gap = max(self._gap, SPACE)

    def _push(self, character: str, found: list[str]) -> None:
        if self._gap and self._buffer:
            if is_boundary("".join(self._buffer), self._gap == LINE, character):
                self._emit(found)
            else:
                self._buffer.append(" ")
        self._gap = 0
        self._buffer.append(character)
        if character in WIDE_STOPS:
            self._emit(found)
        elif len(self._buffer) > self._max:
            self._cut(found)

    def _cut(self, found: list[str]) -> None:
        text = "".join(self._buffer)
        at = max(text.rfind(mark, 0, self._max - 1) for mark in (", ", "; ", ": ", " - ", " – ", " — "))
        if at < MIN_CUT:
            at = max(text.rfind(" ", 1, self._max), 0) - 1
        at = at if at >= 0 else self._max - 1
        self._buffer = list(text[: at + 1].rstrip())
        self._emit(found)
        self._buffer = list(text[at + 1 :].lstrip())

    def _emit(self, found: list[str]) -> None:
        if self._buffer:
            found.append("".join(self._buffer))
            self._buffer = []


def is_boundary(before: str, new_line: bool, following: str) -> bool:
    """Whether a sentence ends after `before`, when white space and the character `following` come next."""
    if new_line and (following in BULLETS or following.isdigit() or before[-1] in ":;"):
        return True
    bare = before.rstrip(CLOSERS)
    if not bare or bare[-1] not in ".!?…" or following.islower():
        return False
    if bare[-1] != "." or bare.endswith(".."):
        return True
    return _ends_at_full_stop(bare[:-1], following)


def _ends_at_full_stop(bare: str, following: str) -> bool:
    match = _LAST_WORD.search(bare)
    if match is None:
        return True
    word = match[1].lower()
    if word in MAY_END_SENTENCE:
        return not following.isdigit()
    if word in NEVER_END_SENTENCE or re.fullmatch(r"(?:[a-z]\.)+[a-z]", word):
        return False
    if len(word) == 1 and word.isalpha() and match[1] != "I":
        return False  # an initial
    return not (word.isdigit() and len(word) <= 3 and bare == match[1])  # "1. First"
