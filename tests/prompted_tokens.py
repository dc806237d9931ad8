"""Vocabularies of Orpheus and OuteTTS: bytes and the families' tokens, in the published forms but of fewer codes."""

from __future__ import annotations

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors

CODES = 64
OUTE_MARKS = "im_start text_start text_end text_sep audio_start audio_end code_start code_end".split()
ORPHEUS_SPECIALS = ["<|begin_of_text|>", "<|eot_id|>", *(f"<custom_token_{n}>" for n in range(10 + 7 * CODES))]
OUTE_SPECIALS = [
    *(f"<|{mark}|>" for mark in OUTE_MARKS),
    *(f"<|{n}|>" for n in range(CODES)),
    *(f"<|t_{n / 100:.2f}|>" for n in range(1, 61)),
]


def make_tokenizer(specials: list[str], begin: str | None = None) -> tokenizers.Tokenizer:
    alphabet = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bpe = tokenizers.Tokenizer(models.BPE(alphabet, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(specials)
    if begin is not None:
        bpe.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, bpe.token_to_id(begin))]
        )
    return bpe
