"""When each word is spoken. Nothing is guessed: the pointer says which phone every frame belongs to."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from voxduct.events import SpeechWord
from voxduct.tts.text.phonemes import SpokenWord

LAG_FRAMES = 1  # by which the codec's decoder is behind the codes


class WordTimes:
    """The words of one sentence, as they end."""

    def __init__(self, words: Sequence[SpokenWord], frame_size: int) -> None:
        """`words`: with their places among the sentence's phones; `frame_size`: samples of a code frame."""
        self._words = deque(words)
        self._frame_size = frame_size

    def ended(self, places: Sequence[int], cut: int, size: int, *, last: bool) -> tuple[SpeechWord, ...]:
        """The words that have ended since the last call.

        Args:
            places: of every frame begun so far, the place of its phone; it never falls.
            cut: samples that were left out at the start.
            size: samples made so far, those left out not counted.
            last: the sentence is over.

        Returns:
            The words with their samples, counted from the first that was not left out.
        """
        found: list[SpeechWord] = []
        while self._words:
            word = self._words[0]
            start, end = (self._sample(bisect_left(places, phone)) - cut for phone in (word.start, word.end))
            if end > size and not last:
                break
            self._words.popleft()
            found.append(SpeechWord(word.text, max(start, 0), min(end, size)))
        return tuple(found)

    def _sample(self, frame: int) -> int:
        return (frame + LAG_FRAMES) * self._frame_size


def shifted(words: Sequence[SpeechWord], samples: int) -> tuple[SpeechWord, ...]:
    """The same words, so many samples later."""
    return tuple(SpeechWord(word.text, word.start + samples, word.end + samples) for word in words)
