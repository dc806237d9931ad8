"""Attention, letters and words decide together: what a beam search asks at each of its steps.

A hypothesis scores what its tokens' log-probabilities, the letters' (`spelling`) and its words' (`vocabulary`) sum to,
each by its share: Watanabe et al. (2017), sections III-B and III-D.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.asr.decode.spelling import GAPS, SILENT_SIGNS, Labels, Speller, Spelling, Spelt
from voxduct.asr.decode.vocabulary import Vocabulary, unknown
from voxduct.asr.options import Shares
from voxduct.models import Floats, Ints

GAP = re.compile(f"[{re.escape(''.join(GAPS))}]+")


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a hypothesis, as far as the next one needs them."""

    last: int | None
    """The last whole word's number."""
    before: str = ""
    """What was said before the word that is being written, a space after each word; without capitals and marks."""
    word: str = ""
    """The letters of the one that is being written."""
    score: float = 0.0

    @property
    def text(self) -> str:
        """All of it. Hypotheses that say the same differ in nothing that letters or words could tell apart."""
        return self.before + self.word


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """What letters and words think of a hypothesis."""

    spelt: Spelt
    gap: bool
    said: Said
    whole: Said
    """The same, were the word that is being written whole."""
    score: float


class TokenReader:
    """What tokens say and how it is spelt, found out once for each; shared by all windows.

    Args:
        speller: the model's letters.
        text_of: a token's text, a word's first with the space before it.
    """

    def __init__(self, speller: Speller, text_of: Callable[[int], str]) -> None:
        self._speller, self._text_of = speller, text_of
        self._labels: dict[tuple[int, bool, bool], Labels] = {}
        self._parts: dict[int, tuple[str, ...]] = {}

    def labels(self, token: int, *, begun: bool, gap: bool) -> Labels:
        """See `Speller.labels`."""
        key = (token, begun, gap)
        if key not in self._labels:
            self._labels[key] = self._speller.labels(self._text_of(token), begun=begun, gap=gap)
        return self._labels[key]

    def parts(self, token: int) -> tuple[str, ...]:
        """Letters and figures as they follow each other; an empty part is a gap between words."""
        if token not in self._parts:
            said = "".join(sign for sign in self._text_of(token).casefold() if sign not in SILENT_SIGNS)
            found: list[str] = []
            for number, part in enumerate(GAP.split(said)):
                found += [""] * (number > 0) + [part] * bool(part)
            self._parts[token] = tuple(found)
        return self._parts[token]


class Joint:
    """Letters and words about one window.

    Args:
        reader: what tokens say.
        spelling: what the letters say about the window.
        vocabulary: the words; None: they have no say.
        shares: how much each has to say.
    """

    def __init__(self, reader: TokenReader, spelling: Spelling, vocabulary: Vocabulary | None, shares: Shares) -> None:
        self._reader, self._spelling, self._vocabulary, self._shares = reader, spelling, vocabulary, shares
        self._openings: dict[int, float] = {}

    def begin(self, forced: Sequence[int]) -> Note:
        """A hypothesis of the forced tokens alone."""
        first = self._vocabulary.begin if self._vocabulary else None
        note = Note(self._spelling.nothing(), False, Said(first), Said(first), 0.0)
        for token in forced:
            note = self.follow([(note, token, self.said(note, token))])[0]
        return note

    def said(self, note: Note, token: int) -> Said:
        """The words of a hypothesis with a token after it: a matter of look-ups."""
        said = note.said
        for number, part in enumerate(self._reader.parts(token)):
            if part:
                said = Said(said.last, said.before, said.word + part, said.score)
            else:
                said = self._finished(said) if number else note.whole
        return said

    def guess(self, note: Note, said: Said) -> float:
        """The score of a hypothesis with a token after it, before the letters are asked about that."""
        return self._shares.letters * note.spelt.logprob + said.score + self._ahead(said.word)

    def bounds(self, notes: Sequence[Note], tokens: Ints) -> Floats:
        """About what a guess can be at best: each hypothesis with its row of tokens, of shape [hypotheses, tokens].

        A token that begins a word and says nothing else is guessed exactly. For the others nothing is looked up.
        """
        letters = self._shares.letters
        same_word = [[letters * note.spelt.logprob + note.said.score + self._ahead(note.said.word)] for note in notes]
        next_word = [[letters * note.spelt.logprob + note.whole.score] for note in notes]
        openings = np.array([self._opening(token) for token in tokens.ravel().tolist()]).reshape(tokens.shape)
        return np.where(np.isnan(openings), same_word, openings + next_word)

    def _opening(self, token: int) -> float:
        """What a token that begins a word adds by it; not a number for one that does not."""
        if token not in self._openings:
            match self._reader.parts(token):
                case ("", word):
                    self._openings[token] = self._ahead(word)
                case ("", *_):
                    self._openings[token] = 0.0
                case _:
                    self._openings[token] = np.nan
        return self._openings[token]

    def follow(self, steps: Sequence[tuple[Note, int, Said]]) -> list[Note]:
        """Hypotheses with a token after each: what was thought before it, the token, the words with it."""
        pieces = [
            self._reader.labels(token, begun=note.spelt.last is not None, gap=note.gap) for note, token, _ in steps
        ]
        spelt = self._spelling.followed([note.spelt for note, _, _ in steps], [piece.classes for piece in pieces])
        found = []
        for (_, _, said), piece, letters in zip(steps, pieces, spelt, strict=True):
            score = self._shares.letters * letters.logprob + said.score + self._ahead(said.word)
            found.append(Note(letters, piece.gap, said, self._finished(said), score))
        return found

    def end(self, note: Note) -> float:
        """The score of a hypothesis that ends here."""
        return self._shares.letters * self._spelling.whole(note.spelt) + note.whole.score

    def _ahead(self, word: str) -> float:
        """What the word that is being written can get at best: without it, long words would look better than short."""
        if not word or self._vocabulary is None:
            return 0.0
        return self._shares.words * self._vocabulary.best_logprob(word) + self._shares.per_word

    def _finished(self, said: Said) -> Said:
        """The word that was being written is whole."""
        if not said.word:
            return said
        before = f"{said.before}{said.word} "
        if self._vocabulary is None:
            return Said(None, before)
        number = self._vocabulary.number(said.word)
        logprob = unknown(said.word) if number is None else self._vocabulary.logprob(number, said.last)
        return Said(number, before, "", said.score + self._shares.words * logprob + self._shares.per_word)
