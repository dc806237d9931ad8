"""What a sentence's contour is made of: two gestures, named as in ToBI (Silverman et al., 1992).

A question that rises has a high boundary: from its last stressed vowel on, pitch leaves the voice's own fall for where
it was before, and climbs from there. A word that is emphasised has an accent: pitch climbs to the end of its first full
vowel and comes back, and it is a little louder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxduct.dsp import Doubles
from voxduct.tts.shaping.contour import DECIBELS, HOLD, SEMITONES, Contour
from voxduct.tts.text.phonemes import UNVOICED, VOWELS, PhonemeSequence, SpokenWord

RISE = 5.0  # semitones of a question's end; 6 and 7 cost `ada` words that PocketSphinx understands at 5
ACCENT = 5.5  # semitones at the top of an emphasised word, of which 3 to 4 are left once it is quantised
LOUDER = 4.5  # decibels, of which 2 to 3 are left
REDUCED = frozenset({"ax", "er"})
WEAK_AT_END = frozenset({"iy", "ow"})  # of coffee and of window; in agree and ago no other full vowel is before them


def contour_of(
    sequence: PhonemeSequence, lengths: Sequence[float], emphasised: Sequence[int], rise: bool
) -> Contour | None:
    """A sentence's contour; None where it is the voice's own.

    Args:
        sequence: its phones.
        lengths: what each of them usually lasts, in any unit.
        emphasised: which of its words are.
        rise: whether it ends high.
    """
    targets = np.zeros((len(sequence.phones), 3))
    for number in emphasised:
        _accent(targets, sequence, lengths, sequence.words[number])
    if rise:
        _rise(targets, sequence, lengths)
    vowels = frozenset(place for place, phone in enumerate(sequence.phones) if phone in VOWELS)
    return Contour(targets, vowels) if targets.any() else None


def stressed_vowels(phones: Sequence[str]) -> list[int]:
    """Places of a word's vowels that may carry stress, at least one where it has a vowel; phones do not say more."""
    vowels = [place for place, phone in enumerate(phones) if phone in VOWELS]
    full = [place for place in vowels if phones[place] not in REDUCED]
    if len(full) > 1 and full[-1] == len(phones) - 1 and phones[-1] in WEAK_AT_END:
        full.pop()
    return full or vowels[-1:]


def _accent(targets: Doubles, sequence: PhonemeSequence, lengths: Sequence[float], word: SpokenWord) -> None:
    top = word.start + (stressed_vowels(sequence.phones[word.start : word.end]) or [0])[0] + 1
    targets[word.start : top, SEMITONES] += ACCENT * _shares(lengths[word.start : top])
    targets[top : word.end, SEMITONES] += ACCENT * (1.0 - _shares(lengths[top : word.end]))
    targets[word.start : word.end, DECIBELS] += LOUDER


def _rise(targets: Doubles, sequence: PhonemeSequence, lengths: Sequence[float]) -> None:
    """Phones without voice do not climb: nobody would hear it."""
    for word in reversed(sequence.words):
        if vowels := stressed_vowels(sequence.phones[word.start : word.end]):
            start = word.start + vowels[-1]
            voiced = [
                0.0 if phone in UNVOICED else length
                for phone, length in zip(sequence.phones[start:], lengths[start:], strict=True)
            ]
            voiced[-1] = 0.0  # the sentence's end, where nothing is said any more
            targets[start:, SEMITONES] += RISE * _shares(voiced)
            targets[start:, HOLD] = 1.0
            return


def _shares(lengths: Sequence[float]) -> Doubles:
    """How much of them is over at the end of each, 0 to 1."""
    total = np.cumsum(np.asarray(lengths, np.float64))
    shares: Doubles = total / total[-1] if len(total) else total
    return shares
