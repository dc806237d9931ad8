"""The grapheme-to-phoneme graph and the lexicon that belongs to it."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voxduct.errors import InferenceError, ModelError
from voxduct.onnx.files import check_names, read_config
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.tts.text.lexicon import Lexicon

G2P_TYPE = "voxduct-g2p"


class OnnxG2p:
    """Implements `voxduct.models.GraphemeToPhoneme`: one run of a CTC graph per word."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        config = read_config(folder, G2P_TYPE, ("letters", "phones", "longest_word"))
        path = folder / "onnx" / "model.onnx"
        self._session = open_session(path, options)
        check_names(self._session, path, ["letters"], ["logits"])
        self._letters = {letter: index for index, letter in enumerate(config["letters"], 1)}
        self._phones = tuple(str(phone) for phone in config["phones"])
        self._longest = int(config["longest_word"])

    def phonemes(self, word: str) -> Sequence[str]:
        """A lower-case word to phones; letters the model does not know are passed over, long words said in parts."""
        letters = [self._letters[letter] for letter in word if letter in self._letters]
        phones: list[str] = []
        for start in range(0, len(letters), self._longest):
            phones += self._spell(letters[start : start + self._longest])
        return phones

    def _spell(self, letters: list[int]) -> list[str]:
        """Greedy CTC: the likeliest class of each slot, repeats joined, blanks (class 0) left out."""
        try:
            (logits,) = self._session.run(["logits"], {"letters": np.array([letters], np.int64)})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"the g2p graph failed: {str(error).splitlines()[0][:200]}") from error
        best = logits[0].argmax(-1).tolist()
        return [self._phones[now - 1] for before, now in zip([0, *best], best, strict=False) if now and now != before]


def read_lexicon(folder: Path) -> Lexicon:
    """`lexicon.txt.xz` of a g2p folder. Raises ModelError."""
    path = folder / "lexicon.txt.xz"
    try:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            return Lexicon.parse(lines)
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
