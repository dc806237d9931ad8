"""A vocabulary of Whisper's size with its special tokens in their places, and plain letters for text.

The text tokens are lower-case strings of one to four letters, so whatever random weights say is text that every
engine decodes alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

TEXT = 50_257  # tokens of text in the multilingual vocabulary; the special ones follow
TIMESTAMPS = 1_501
SIZE = 51_865
TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")


def specials(languages: list[str]) -> list[str]:
    """Every token after the text, in Whisper's order; 99 language codes."""
    tongues = [f"<|{code}|>" for code in languages]
    times = [f"<|{i * 0.02:.2f}|>" for i in range(TIMESTAMPS)]
    return ["<|endoftext|>", "<|startoftranscript|>", *tongues, *(f"<|{task}|>" for task in TASKS), *times]


def save(folder: Path, languages: list[str]) -> None:
    """Writes `tokenizer.json` and what transformers wants beside it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = list(islice(_merges(), TEXT - len(letters)))
    names = [*letters, *("".join(pair) for pair in merges)]
    bpe = tokenizers.Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(specials(languages))
    if bpe.get_vocab_size() != SIZE:
        raise ValueError(f"the vocabulary has {bpe.get_vocab_size()} tokens, not {SIZE}")
    bpe.save(str(folder / "tokenizer.json"))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind), encoding="utf-8")


def _merges() -> Iterator[tuple[str, str]]:
    pairs = ["".join(pair) for pair in product(ascii_lowercase, repeat=2)]
    yield from product(ascii_lowercase, repeat=2)
    yield from product(pairs, ascii_lowercase)
    yield from product(pairs, pairs)
