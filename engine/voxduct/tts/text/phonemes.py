"""Normalised words to phones, in flite's spelling because the voice learnt from flite.

Post-lexical rules are flite's: "the" before a vowel is dh-iy, possessives follow the last sound. A pause opens and
closes every sentence and stands at punctuation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voxduct.models import GraphemeToPhoneme
from voxduct.tts.shaping.contour import Contour
from voxduct.tts.text.homographs import part_of_speech
from voxduct.tts.text.lexicon import Lexicon
from voxduct.tts.text.normalise import PAUSES

PAUSE = "pau"
CACHED_WORDS = 4096  # pronunciations by model that are remembered
VOWELS = frozenset("aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw".split())
SIBILANTS = frozenset("s z sh zh ch jh".split())
VOICELESS = frozenset("p t k f th".split())
UNVOICED = VOICELESS | {"s", "sh", "ch", "hh"}
LETTERS = {
    "A": "ey", "B": "b iy", "C": "s iy", "D": "d iy", "E": "iy", "F": "eh f", "G": "jh iy", "H": "ey ch", "I": "ay",
    "J": "jh ey", "K": "k ey", "L": "eh l", "M": "eh m", "N": "eh n", "O": "ow", "P": "p iy", "Q": "k y uw",
    "R": "aa r", "S": "eh s", "T": "t iy", "U": "y uw", "V": "v iy", "W": "d ah b ax l y uw", "X": "eh k s",
    "Y": "w ay", "Z": "z iy",
}  # fmt: skip
ENDINGS = {"'ll": "ax l", "'ve": "ax v", "'d": "ax d", "'re": "er", "n't": "ax n t", "'m": "ax m"}


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and where its phones are: `phones[start:end]` of its sequence."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PhonemeSequence:
    """What a sentence sounds like."""

    phones: tuple[str, ...]
    """With pauses; the first and the last are pauses."""
    words: tuple[SpokenWord, ...]

    def between(self, start: int, end: int) -> tuple[SpokenWord, ...]:
        """The words in `phones[start:end]`, with their places there."""
        inside = (word for word in self.words if start <= word.start and word.end <= end)
        return tuple(SpokenWord(word.text, word.start - start, word.end - start) for word in inside)


@dataclass(frozen=True, slots=True)
class PhonePart:
    """What is spoken from one state: a sentence, or a part of a long one."""

    ids: list[int]
    """Phones."""
    words: tuple[SpokenWord, ...]
    """And which of them belong to which word."""
    contour: Contour | None = None
    """A melody of its own, if it has one."""


class Phonemizer:
    """Looks words up, asks the model for unknown ones, joins them. Remembers the model's answers.

    Shared by all requests; its only state is that cache, whose entries never change.
    """

    def __init__(self, lexicon: Lexicon, g2p: GraphemeToPhoneme) -> None:
        self._lexicon = lexicon
        self._g2p = g2p
        self._cache: dict[str, tuple[str, ...]] = {}

    def knows(self, word: str) -> bool:
        """Whether the lexicon has a lower-case word."""
        return word in self._lexicon

    def phonemize(self, words: Sequence[str]) -> PhonemeSequence:
        """Words and pause marks of `normalise` to phones. May run the model: call it in a job."""
        phones: list[str] = [PAUSE]
        spoken: list[SpokenWord] = []
        for index, word in enumerate(words):
            if word in PAUSES:
                if phones[-1] != PAUSE:
                    phones.append(PAUSE)
                continue
            before, following = self._neighbours(words, index)
            sound = self._word(word, before, following)
            if word == "the" and self._starts_with_vowel(following):
                sound = ("dh", "iy")
            spoken.append(SpokenWord(word, len(phones), len(phones) + len(sound)))
            phones += sound
        if phones[-1] != PAUSE:
            phones.append(PAUSE)
        return PhonemeSequence(tuple(phones), tuple(spoken))

    @staticmethod
    def _neighbours(words: Sequence[str], index: int) -> tuple[str, str]:
        before = words[index - 1] if index else ""
        following = words[index + 1] if index + 1 < len(words) else ""
        return ("" if before in PAUSES else before), ("" if following in PAUSES else following)

    def _starts_with_vowel(self, word: str) -> bool:
        return bool(word) and self._word(word, "the", "")[0] in VOWELS

    def _word(self, word: str, before: str, following: str) -> tuple[str, ...]:
        if word[0].isupper():
            name = tuple(LETTERS[word[0]].split())
            return name + possessive(name[-1]) if word.endswith("'s") else name
        if self._lexicon.has_readings(word):
            pos = part_of_speech(word, before, following)
            return self._lexicon.phones(word, pos) or self._guess(word)
        return self._lexicon.phones(word) or self._inflected(word)

    def _inflected(self, word: str) -> tuple[str, ...]:
        """Unknown as it stands: a possessive or a contraction of something, or the model's guess."""
        if word.endswith("'s") and len(word) > 2:
            base = self._word(word[:-2], "", "")
            return base + possessive(base[-1])
        for ending, sound in ENDINGS.items():
            if word.endswith(ending) and len(word) > len(ending):
                return self._word(word[: -len(ending)], "", "") + tuple(sound.split())
        return self._guess(word)

    def _guess(self, word: str) -> tuple[str, ...]:
        if word not in self._cache:
            if len(self._cache) >= CACHED_WORDS:
                self._cache.clear()
            plain = word.replace("'", "")
            spelled = tuple(phone for letter in plain for phone in LETTERS[letter.upper()].split())
            self._cache[word] = tuple(self._g2p.phonemes(plain)) or spelled
        return self._cache[word]


def possessive(last: str) -> tuple[str, ...]:
    """The sound of 's after a phone: cats, dogs, horses."""
    if last in SIBILANTS:
        return ("ax", "z")
    return ("s",) if last in VOICELESS else ("z",)
