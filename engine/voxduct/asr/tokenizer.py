"""Text and token ids, for any Whisper vocabulary in Hugging Face's `tokenizer.json`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from voxduct.asr.options import Task
from voxduct.errors import ModelError

SPACE_MARK = "Ġ"  # byte-level BPE's name of the space; a token that starts with it starts a word
BROKEN = "\N{REPLACEMENT CHARACTER}"  # what a cut UTF-8 sequence decodes to
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # written without spaces: a character is a word
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
_SPECIAL = re.compile(r"<\|.*\|>")


@dataclass(frozen=True, slots=True)
class TextWord:
    """One word of a token sequence."""

    text: str
    tokens: tuple[int, ...]
    first: int
    """Index of its first token in the sequence."""


class Tokenizer:
    """A vocabulary, and the ids of Whisper's special tokens in it.

    Raises:
        ModelError: the vocabulary lacks a token that every Whisper has.
    """

    def __init__(self, vocabulary: tokenizers.Tokenizer, *, multilingual: bool = False) -> None:
        self._vocabulary = vocabulary
        self.multilingual = multilingual
        self._texts: dict[int, str] = {}
        self.end = self._required("<|endoftext|>")
        self.start = self._required("<|startoftranscript|>")
        self.no_timestamps = self._required("<|notimestamps|>")
        self.transcribe = self._find("<|transcribe|>")
        self.translate = self._find("<|translate|>")
        self.start_of_previous = self._find("<|startofprev|>")
        self.no_speech = self._find("<|nospeech|>", "<|nocaptions|>")
        first_time = self._find("<|0.00|>")
        self.timestamp_begin = self.no_timestamps + 1 if first_time is None else first_time
        """The token of 0.00 s, also where the vocabulary does not name it; each later id is 20 ms more."""
        ids: dict[str, int] = vocabulary.get_vocab(with_added_tokens=True)
        self.languages = {match[1]: i for token, i in ids.items() if (match := _LANGUAGE.fullmatch(token))}
        self.specials = frozenset(i for token, i in ids.items() if _SPECIAL.fullmatch(token))
        """Every token that is not text: special tokens and timestamps."""

    @classmethod
    def load(cls, path: Path, *, multilingual: bool = False) -> Tokenizer:
        """Reads a `tokenizer.json`; raises ModelError when it is missing or not one."""
        if not path.is_file():
            raise ModelError(f"no tokenizer at {path}; the model's folder is incomplete, fetch it again")
        try:
            vocabulary = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{path} is not a tokenizer: {error}; fetch the model again") from error
        return cls(vocabulary, multilingual=multilingual)

    def _find(self, *names: str) -> int | None:
        for name in names:
            found: int | None = self._vocabulary.token_to_id(name)
            if found is not None:
                return found
        return None

    def _required(self, name: str) -> int:
        found = self._find(name)
        if found is None:
            raise ModelError(f"the tokenizer has no {name}; it does not belong to a Whisper model")
        return found

    def prompt(
        self, language: str | None, task: Task = Task.TRANSCRIBE, *, timestamps: bool = False
    ) -> tuple[int, ...]:
        """The special tokens before the text; language and task only where the model knows several languages.

        Raises:
            ModelError: the model does not know the language, or cannot translate.
        """
        text = () if timestamps else (self.no_timestamps,)
        if not self.multilingual or self.transcribe is None:
            if task is Task.TRANSLATE:
                raise ModelError("the model knows English only and cannot translate; choose a multilingual one")
            return (self.start, *text)
        if language not in self.languages:
            raise ModelError(f"the model does not know the language {language!r}; it has {sorted(self.languages)}")
        chosen = self.translate if task is Task.TRANSLATE else self.transcribe
        if chosen is None:
            raise ModelError("the model's vocabulary has no <|translate|>; choose a model that translates")
        return (self.start, self.languages[language], chosen, *text)

    def is_timestamp(self, token: int) -> bool:
        """Whether a token says a time, not text."""
        return token >= self.timestamp_begin

    def encode(self, text: str) -> list[int]:
        """Text to ids, without special tokens."""
        ids: list[int] = self._vocabulary.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Ids to text, special tokens and timestamps left out."""
        kept = [t for t in tokens if t not in self.specials and t < self.timestamp_begin]
        text: str = self._vocabulary.decode(kept, skip_special_tokens=True)
        return text

    def text_of(self, token: int) -> str:
        """A token's text, with the space before it where it starts a word."""
        if token not in self._texts:
            self._texts[token] = self.decode([token])
        return self._texts[token]

    def words(self, tokens: Sequence[int], language: str | None = None) -> list[TextWord]:
        """Splits text tokens into words; punctuation stays with the word before it."""
        groups: list[list[int]] = []
        first: list[int] = []
        for i, token in enumerate(tokens):
            if not groups or self._starts_word(token, groups[-1], language):
                groups.append([])
                first.append(i)
            groups[-1].append(token)
        texts = [self.decode(group).strip() for group in groups]
        return [TextWord(t, tuple(g), f) for t, g, f in zip(texts, groups, first, strict=True) if t]

    def _starts_word(self, token: int, so_far: list[int], language: str | None) -> bool:
        if language in UNSPACED:
            return BROKEN not in self.decode(so_far)
        name: str | None = self._vocabulary.id_to_token(token)
        return name is not None and name.startswith(SPACE_MARK)
