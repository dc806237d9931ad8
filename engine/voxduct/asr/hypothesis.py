"""Which words are certain: those one pass is sure of, or the longest common prefix of two consecutive hypotheses.

The first is AlignAtt (see `alignatt`), which counts the words before they come here. The second is LocalAgreement-2
of Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System" (2023), word by word. Committed
words are never changed or taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voxduct.events import Word


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A recognised word and the tokens that spell it."""

    word: Word
    tokens: tuple[int, ...]


class HypothesisBuffer:
    """Committed words, and the last hypothesis of what follows them."""

    def __init__(self, earliest: int = 0) -> None:
        """`earliest` is where the first word may start."""
        self.words_end = earliest
        """Where the last committed word ends; the next one starts no sooner."""
        self.latest: int | None = None
        """Where words must end, once that is known."""
        self._committed: list[HeardWord] = []
        self._hypothesis: tuple[HeardWord, ...] = ()

    @property
    def committed(self) -> tuple[HeardWord, ...]:
        """All committed words; append-only."""
        return tuple(self._committed)

    @property
    def hypothesis(self) -> tuple[HeardWord, ...]:
        """What the last update heard after the committed words."""
        return self._hypothesis

    def update(self, heard: Sequence[HeardWord], limit: int, stable: int | None = None) -> list[HeardWord]:
        """Takes a new hypothesis of what follows the committed words; returns the words it commits.

        With `stable`, these are the first so many. Otherwise those that the last hypothesis has too, except that a
        word that ends after the position `limit` is too near the end of what was heard.
        """
        if stable is not None:
            return self._commit(heard, stable)
        agreed = 0
        for new, old in zip(heard, self._hypothesis, strict=False):
            if _key(new) != _key(old) or new.word.end > limit:
                break
            agreed += 1
        return self._commit(heard, agreed)

    def commit_before(self, position: int) -> list[HeardWord]:
        """Commits the leading words of the hypothesis that end at or before `position`, agreed upon or not."""
        count = 0
        while count < len(self._hypothesis) and self._hypothesis[count].word.end <= position:
            count += 1
        return self._commit(self._hypothesis, count)

    def finish(self, heard: Sequence[HeardWord]) -> list[HeardWord]:
        """Commits all of the last hypothesis."""
        return self._commit(heard, len(heard))

    def _commit(self, heard: Sequence[HeardWord], count: int) -> list[HeardWord]:
        committed = [self._in_order(one) for one in heard[:count]]
        self._committed += committed
        self._hypothesis = tuple(heard[count:])
        return committed

    def _in_order(self, heard: HeardWord) -> HeardWord:
        """With times that follow those of the words before, whatever pass they come from."""
        word, earliest = heard.word, self.words_end
        end = word.end if self.latest is None else min(word.end, self.latest)
        self.words_end = max(end, earliest)
        start = min(max(word.start, earliest), self.words_end)
        return replace(heard, word=replace(word, start=start, end=self.words_end))


def _key(heard: HeardWord) -> str:
    """What must be the same for two words to agree; capitals and punctuation may change."""
    text = heard.word.text.casefold()
    return "".join(filter(str.isalnum, text)) or text
