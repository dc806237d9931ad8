"""OuteTTS 0.2 (OuteAI, 2024): a Qwen2 that writes each word, how long it lasts, and its codes of WavTokenizer.

    <|im_start|>
    <|text_start|>hello<|text_sep|>there<|text_end|>
    <|audio_start|>
    hello<|t_0.36|><|code_start|><|1023|>...<|code_end|>
    there<|t_0.28|><|code_start|><|77|>...<|code_end|>

A voice is a transcript with the codes of each of its words, and goes before what is to be said, in both halves. Forms
are those of the makers' package (edwko/OuteTTS 0.2, `version/v1/prompt_processor.py`). There the model also writes the
words; here they are given and it says only how long each lasts and how it sounds, as llama.cpp's `tts` does with its
guide tokens: so no word is left out, none is said twice, and speech ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxduct.errors import ModelError
from voxduct.models import Ints
from voxduct.tts.prompted.frames import TokenSampling
from voxduct.tts.prompted.script import Choice, Given, Next, Script
from voxduct.tts.prompted.vocabulary import Vocabulary, without_controls
from voxduct.tts.prompted.window import Windows
from voxduct.tts.text.normalise import PAUSES, spoken_words

OWN_VOICE = "any"
"""The voice where there is no transcript: one that the model makes up, another one for every sentence."""
SAMPLING = TokenSampling(temperature=0.1, repetition_penalty=1.1)  # defaults of the package
# WavTokenizer's decoder attends to all that it is given, after twelve convolutions of 7 frames each.
WINDOWS = Windows(before=50, steps=(15, 25, 50), after=20, fade=240)
LONGEST_WORD_S = 3.0
SPARE_S = 0.5  # how much longer than it was said to last a word may be
WORDS_AT_ONCE = 40  # spoken from one state
_TIME = re.compile(r"<\|t_(\d+\.\d\d)\|>")


@dataclass(frozen=True, slots=True)
class SpeakerWord:
    """A word that a speaker said."""

    word: str
    duration_s: float
    codes: tuple[int, ...]


Speaker = tuple[SpeakerWord, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OuteTokens:
    """Tokens that stand between words and codes."""

    codes: Ints
    """Shape [cardinality]."""
    times: Ints
    """Those of durations that a word may have, shape [n]."""
    durations_s: Mapping[int, float]
    """Of each of them."""
    code_start: int
    code_end: int

    @classmethod
    def of(cls, vocabulary: Vocabulary, cardinality: int) -> OuteTokens:
        """Raises ModelError when the vocabulary lacks one."""
        found = {vocabulary.id(name): float(match[1]) for name in vocabulary.names if (match := _TIME.fullmatch(name))}
        durations_s = {token: length for token, length in found.items() if length <= LONGEST_WORD_S}
        if not durations_s:
            raise ModelError("the vocabulary has no token <|t_0.10|> or the like; it is none of OuteTTS 0.2")
        return cls(
            vocabulary.numbered("<|{}|>", 0, cardinality),
            np.array(sorted(durations_s), np.int64),
            durations_s,
            vocabulary.id("<|code_start|>"),
            vocabulary.id("<|code_end|>"),
        )


class OuteScript:
    """Word after word: the word is given, then its length and its codes are chosen."""

    def __init__(self, tokens: OuteTokens, words: Sequence[tuple[int, ...]], frame_s: float) -> None:
        """`words` are the tokens of each word, with what separates it from the one before."""
        self._tokens = tokens
        self._words = list(words)
        self._frame_s = frame_s
        self._timing = False
        self._opening = False
        self._left: int | None = None  # codes that the word may still have; None: no word has begun
        self._sounds = np.append(tokens.codes, tokens.code_end)

    def next(self) -> Next:
        """The next word's tokens, or its length, or one of its codes."""
        if self._timing:
            return Choice(self._tokens.times)
        if self._opening:
            self._opening = False
            return Given((self._tokens.code_start,))
        if self._left is not None:
            if self._left:
                return Choice(self._sounds)
            self._left = None
            return Given((self._tokens.code_end,))
        if not self._words:
            return None
        self._timing = True
        return Given(self._words.pop(0))

    def take(self, token: int) -> Ints | None:
        """A code is a frame."""
        if self._timing:
            self._timing, self._opening = False, True
            self._left = round((self._tokens.durations_s[token] + SPARE_S) / self._frame_s)
            return None
        if token == self._tokens.code_end:
            self._left = None
            return None
        assert self._left is not None
        self._left -= 1
        return np.flatnonzero(self._tokens.codes == token)[:1]


@dataclass(frozen=True, slots=True, eq=False)
class OuteTts:
    """How OuteTTS is asked; implements `PromptedFamily`."""

    vocabulary: Vocabulary
    tokens: OuteTokens
    speakers: Mapping[str, Speaker]
    frame_s: float

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, *, cardinality: int, frame_s: float, speakers: Mapping[str, Speaker]
    ) -> OuteTts:
        """Raises ModelError when the vocabulary lacks a token, or a speaker has codes that it does not know."""
        for name, speaker in speakers.items():
            if any(not 0 <= code < cardinality for word in speaker for code in word.codes):
                raise ModelError(f"speaker {name} has codes outside 0 to {cardinality - 1}; it is of another codec")
        return cls(vocabulary, OuteTokens.of(vocabulary, cardinality), speakers, frame_s)

    @staticmethod
    def recognises(vocabulary: Vocabulary) -> bool:
        """Whether a vocabulary is of this family."""
        return all(name in vocabulary for name in ("<|audio_start|>", "<|code_start|>", "<|code_end|>", "<|text_sep|>"))

    @property
    def voices(self) -> tuple[str, ...]:
        """The speakers, or the one that the model makes up."""
        return tuple(self.speakers) or (OWN_VOICE,)

    def parts(self, text: str) -> list[object]:
        """Words as OuteTTS 0.2 learnt them: small letters, numbers written out, nothing else."""
        words = plain_words(text)
        return [words[at : at + WORDS_AT_ONCE] for at in range(0, len(words), WORDS_AT_ONCE)]

    def begin(self, part: object, voice: str) -> tuple[list[int], Script]:
        """A prompt, and what may follow it."""
        assert isinstance(part, list)
        speaker = self.speakers.get(voice, ())
        said = [plain for word in speaker for plain in plain_words(word.word)]
        text = "<|text_sep|>".join([*said, *part])
        spoken = "\n".join(_spoken(word) for word in speaker)
        prompt = f"<|im_start|>\n<|text_start|>{text}<|text_end|>\n<|audio_start|>\n{spoken}"
        first = "\n" if speaker else ""
        words = [tuple(self.vocabulary.encode(f"{first if not at else chr(10)}{word}")) for at, word in enumerate(part)]
        return self.vocabulary.encode(prompt), OuteScript(self.tokens, words, self.frame_s)


def plain_words(text: str) -> list[str]:
    """The words of a text in small letters, nothing else."""
    words = [word for word in spoken_words(without_controls(text), lambda word: True) if word not in PAUSES]
    return [plain for word in words if (plain := re.sub("[^a-z]", "", word.lower()))]


def _spoken(word: SpeakerWord) -> str:
    codes = "".join(f"<|{code}|>" for code in word.codes)
    return f"{word.word}<|t_{word.duration_s:.2f}|><|code_start|>{codes}<|code_end|>"
