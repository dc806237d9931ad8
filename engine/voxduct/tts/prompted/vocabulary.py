"""Text and tokens of a language model whose vocabulary also holds codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tokenizers

from voxduct.errors import ModelError
from voxduct.models import Ints

_CONTROL = re.compile(r"<\|[^<>|]*\|>|<custom_token_\d+>")


class Vocabulary:
    """A `tokenizer.json`, and ids of tokens by their names."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, where: str) -> None:
        """`where` is what errors call it."""
        self._tokenizer = tokenizer
        self._where = where
        self._ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads a `tokenizer.json`; raises ModelError when it is missing or not one."""
        if not path.is_file():
            raise ModelError(f"no tokenizer at {path}; the model's folder is incomplete, fetch it again")
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)), str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{path} is not a tokenizer: {error}; fetch the model again") from error

    def __contains__(self, name: str) -> bool:
        return name in self._ids

    @property
    def names(self) -> Sequence[str]:
        """Of all tokens."""
        return tuple(self._ids)

    def id(self, name: str) -> int:
        """The token of that name; raises ModelError."""
        if name not in self._ids:
            raise ModelError(f"{self._where} has no token {name}; it belongs to another kind of model")
        return self._ids[name]

    def numbered(self, form: str, first: int, count: int) -> Ints:
        """Tokens called `form` with the numbers from `first` on, shape [count]; raises ModelError where one lacks."""
        return np.array([self.id(form.format(number)) for number in range(first, first + count)], np.int64)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Text to ids; `special` adds what the model wants around every text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=special).ids
        return ids


def without_controls(text: str) -> str:
    """Text without what a tokenizer would take for control tokens: whoever is spoken for must not steer the model."""
    while (cleaned := _CONTROL.sub(" ", text)) != text:
        text = cleaned
    return text
