"""Cuts text that arrives in pieces into sentences and clauses, each as soon as it is certain.

Every character is looked at once and decisions depend only on what came before it, so they cannot depend on how the
text was cut. A full stop is certain once the first character after the following space is known; a blank line, or a
sentence longer than the limit, is certain at once; a clause, when a few words behind it are (see `clauses`).
"""

from __future__ import annotations

import re

from voxduct.tts.text.abbreviations import MAY_END_SENTENCE, NEVER_END_SENTENCE
from voxduct.tts.text.clauses import Clause, clause_end

MAX_SENTENCE = 250  # characters; longer ones are cut at a comma or a space
MIN_CUT = 60  # characters; no cut leaves less than this before it, unless there is no other place
CLOSERS = "\"')]}”’»"
WIDE_STOPS = "。！？"
BULLETS = "-*•–—"
SPACE, LINE, PARAGRAPH = 1, 2, 3
_LAST_WORD = re.compile(r"([\w.]+)$")


class SentenceSplitter:
    """feed(text) -> what became certain, sentences or clauses of them; flush() -> the rest.

    They keep their punctuation; white space inside is single spaces and none is at the ends. Memory is bounded by the
    longest sentence.
    """

    def __init__(self, max_sentence: int = MAX_SENTENCE, *, clauses: bool = True) -> None:
        """`max_sentence`: characters; `clauses`: sentences may come in parts."""
        self._max = max_sentence
        self._clauses = clauses
        self._buffer: list[str] = []
        self._gap = 0
        self._begun = False  # a clause of the sentence is out
        self._first = True  # nothing is out that can be spoken

    def feed(self, text: str) -> list[Clause]:
        """What is certain now, in order."""
        found: list[Clause] = []
        for character in text:
            if character.isspace():
                self._widen_gap(character, found)
            else:
                self._push(character, found)
        return found

    def flush(self) -> list[Clause]:
        """The last sentence or what is left of it, if anything; the splitter is as new after it."""
        found: list[Clause] = []
        self._emit(found)
        self._gap, self._begun, self._first = 0, False, True
        return found

    def _widen_gap(self, character: str, found: list[Clause]) -> None:
        if character in "\n\u2028\u2029":
            self._gap = LINE if self._gap < LINE else PARAGRAPH
            if self._gap == PARAGRAPH:
                self._emit(found)
        else:
            self._gap = max(self._gap, SPACE)

    def _push(self, character: str, found: list[Clause]) -> None:
        if self._gap and self._buffer:
            before = "".join(self._buffer)
            if is_boundary(before, self._gap == LINE, character, opens=not self._begun):
                self._emit(found)
            else:
                if self._clauses and (end := clause_end(before, first=self._first)) is not None:
                    self._emit_until(end, found)
                self._buffer.append(" ")
        self._gap = 0
        self._buffer.append(character)
        if character in WIDE_STOPS:
            self._emit(found)
        elif len(self._buffer) > self._max:
            self._cut(found)

    def _cut(self, found: list[Clause]) -> None:
        text = "".join(self._buffer)
        at = max(text.rfind(mark, 0, self._max - 1) for mark in (", ", "; ", ": ", " - ", " – ", " — "))
        if at < MIN_CUT:
            at = max(text.rfind(" ", 1, self._max), 0) - 1
        self._emit_until(at + 1 if at >= 0 else self._max, found)

    def _emit_until(self, end: int, found: list[Clause]) -> None:
        """The first so many characters; the sentence goes on after them."""
        text = "".join(self._buffer)
        self._buffer = list(text[:end].rstrip())
        self._emit(found, ends_sentence=False)
        self._buffer = list(text[end:].lstrip())

    def _emit(self, found: list[Clause], *, ends_sentence: bool = True) -> None:
        if self._buffer:
            text = "".join(self._buffer)
            found.append(Clause(text, ends_sentence))
            self._first = self._first and not any(character.isalnum() for character in text)
            self._buffer = []
        self._begun = not ends_sentence


def is_boundary(before: str, new_line: bool, following: str, *, opens: bool = True) -> bool:
    """Whether a sentence ends after `before`, when white space and the character `following` come next.

    `opens`: `before` is the sentence from its beginning, and not what is left of it.
    """
    if new_line and (following in BULLETS or following.isdigit() or before[-1] in ":;"):
        return True
    bare = before.rstrip(CLOSERS)
    if not bare or bare[-1] not in ".!?…" or following.islower():
        return False
    if bare[-1] != "." or bare.endswith(".."):
        return True
    return _ends_at_full_stop(bare[:-1], following, opens)


def _ends_at_full_stop(bare: str, following: str, opens: bool) -> bool:
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
    return not (opens and word.isdigit() and len(word) <= 3 and bare == match[1])  # "1. First"
