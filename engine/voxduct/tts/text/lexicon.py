"""Pronunciations of known words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Lexicon:
    """Words, `word/pos` where parts of speech differ, and their phones; immutable, shared by all requests."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        """`entries`: word or word/pos to phones joined by spaces."""
        self._entries = dict(entries)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Lexicon:
        """From `word<tab>phones` lines; raises ValueError where a line is none."""
        entries = {}
        for line in lines:
            word, tab, phones = line.rstrip("\n").partition("\t")
            if not tab or not word or not phones:
                raise ValueError(f"not a lexicon line: {line[:60]!r}")
            entries[word] = phones
        return cls(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, word: object) -> bool:
        return word in self._entries

    def phones(self, word: str, pos: str | None = None) -> tuple[str, ...] | None:
        """Phones of a lower-case word, of its reading as `pos` where there is one; None when it is unknown."""
        found = self._entries.get(f"{word}/{pos}") if pos else None
        found = found or self._entries.get(word)
        return tuple(found.split()) if found else None

    def has_readings(self, word: str) -> bool:
        """Whether the word sounds different as a verb."""
        return f"{word}/v" in self._entries
