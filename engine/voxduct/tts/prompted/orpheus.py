"""Orpheus (Canopy Labs, 2025): a Llama whose vocabulary was continued by codes of SNAC.

A prompt is the voice's name, a colon and the text, between control tokens; the answer is seven tokens a frame. Token
`<custom_token_N>` says code `N - 10 - 4096 p` at place p of its frame, and places go to SNAC's three books as 0, 1, 2,
2, 1, 2, 2: each book's codes in order of time. Layout, control tokens and voices are those of the makers' package
(canopyai/Orpheus-TTS: README, `engine_class.py`, `decoder.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.models import Ints
from voxduct.tts.prompted.frames import TokenSampling
from voxduct.tts.prompted.script import Choice, Next, Script
from voxduct.tts.prompted.vocabulary import Vocabulary, without_controls
from voxduct.tts.prompted.window import Windows

CODE = "<custom_token_{}>"
FIRST_CODE = 10  # `<custom_token_10>` is code 0 at place 0
ROWS = (0, 1, 3, 4, 2, 5, 6)
"""Which row of a frame (the first book's code, the second's two, the third's four) each place of a frame says."""
PLACES = len(ROWS)
VOICES = ("tara", "leah", "jess", "leo", "dan", "mia", "zac", "zoe")
SAMPLING = TokenSampling(temperature=0.6, top_p=0.8, repetition_penalty=1.3)  # the first release of the package
# SNAC's decoder sees about two of its slowest frames to either side (convolutions of 7 at the codes' own rate, then
# dilations of 1, 3 and 9 at 8 times that); the makers' windows have one before and two after.
WINDOWS = Windows(before=3, steps=(1, 2, 4), after=2, fade=240)
LEAST_S, PER_CHARACTER_S = 3.0, 0.25  # speech is cut off after so long: three times what a slow speaker takes


def interleave(frames: Ints) -> Ints:
    """Frames of shape [7, n], books one after the other, to codes in the order of tokens, shape [7 * n]."""
    return frames[list(ROWS)].T.reshape(-1)


def deinterleave(codes: Ints) -> Ints:
    """The inverse of `interleave`."""
    frames = np.empty((PLACES, len(codes) // PLACES), np.int64)
    frames[list(ROWS)] = codes.reshape(-1, PLACES).T
    return frames


class OrpheusScript:
    """Frames of seven codes, until the model says that speech is over, or for as long as it may last."""

    def __init__(self, codes: Ints, end: int, most_frames: int) -> None:
        """`codes` are tokens of shape [7, cardinality], of each place of a frame; `end` ends speech between frames."""
        self._choices = [np.append(codes[0], end), *codes[1:]]
        self._codes = codes
        self._end = end
        self._left = most_frames
        self._frame: list[int] = []
        self._over = False

    def next(self) -> Next:
        """A code of the frame's next place."""
        if self._over or not self._left:
            return None
        return Choice(self._choices[len(self._frame)])

    def take(self, token: int) -> Ints | None:
        """A frame, with every seventh code."""
        if token == self._end:
            self._over = True
            return None
        place = len(self._frame)
        self._frame.append(int(np.flatnonzero(self._codes[place] == token)[0]))
        if len(self._frame) < PLACES:
            return None
        frame = deinterleave(np.array(self._frame))[:, 0]
        self._frame = []
        self._left -= 1
        return frame


@dataclass(frozen=True, slots=True, eq=False)
class Orpheus:
    """How Orpheus is asked; implements `PromptedFamily`."""

    vocabulary: Vocabulary
    voices: tuple[str, ...]
    codes: Ints
    """Tokens, shape [7, cardinality]."""
    frame_s: float

    @classmethod
    def of(cls, vocabulary: Vocabulary, *, cardinality: int, frame_s: float, voices: Sequence[str] = VOICES) -> Orpheus:
        """Raises ModelError when the vocabulary lacks a code."""
        codes = vocabulary.numbered(CODE, FIRST_CODE, PLACES * cardinality).reshape(PLACES, cardinality)
        return cls(vocabulary, tuple(voices), codes, frame_s)

    @staticmethod
    def recognises(vocabulary: Vocabulary) -> bool:
        """Whether a vocabulary is of this family."""
        return CODE.format(FIRST_CODE) in vocabulary and "<|eot_id|>" in vocabulary

    def parts(self, text: str) -> list[object]:
        """The text as it is, but for control tokens; the model knows numbers, and tags such as `<laugh>`."""
        cleaned = " ".join(without_controls(text).split())
        return [cleaned] if any(character.isalnum() for character in cleaned) else []

    def begin(self, part: object, voice: str) -> tuple[list[int], Script]:
        """A prompt, and what may follow it."""
        assert isinstance(part, str)
        token = self.vocabulary.id
        before = [token(CODE.format(3))]
        behind = [token("<|eot_id|>"), *(token(CODE.format(number)) for number in (4, 5, 1))]
        prompt = [*before, *self.vocabulary.encode(f"{voice}: {part}", special=True), *behind]
        most = int((LEAST_S + PER_CHARACTER_S * len(part)) / self.frame_s)
        return prompt, OrpheusScript(self.codes, token(CODE.format(2)), max(most, 1))
