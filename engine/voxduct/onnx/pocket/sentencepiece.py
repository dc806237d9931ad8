"""SentencePiece's `tokenizer.model` as a tokenizer of the `tokenizers` package.

The file is a protocol buffer, `ModelProto` of google/sentencepiece's `sentencepiece_model.proto`; only what unigram
models need is read: pieces (1: text 1, score 2, kind 3), model_type (2.3), byte_fallback (2.35), and of the normaliser
(3) its map (2), add_dummy_prefix (3) and remove_extra_whitespaces (4).
"""

from __future__ import annotations

import struct
from pathlib import Path

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

from voxduct.errors import ModelError
from voxduct.onnx.protobuf import Field, fields_of

UNIGRAM = 1
UNKNOWN = 2  # the kind of the piece that stands for what no piece is


def read_sentencepiece(path: Path) -> tokenizers.Tokenizer:
    """Raises ModelError when the file is missing, damaged, or no unigram model."""
    try:
        fields = list(fields_of(path.read_bytes()))
        pieces = [_piece(value) for number, value in fields if number == 1 and isinstance(value, bytes)]
        trainer, normaliser = (_message(fields, number) for number in (2, 3))
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise ModelError(f"{path} is no model of SentencePiece: {error}; fetch it again") from error
    if not pieces or trainer.get(3, UNIGRAM) != UNIGRAM:
        raise ModelError(f"{path} is no unigram model of SentencePiece; only those are understood")
    unknown = next((at for at, (_, _, kind) in enumerate(pieces) if kind == UNKNOWN), None)
    vocabulary = [(text, score) for text, score, _ in pieces]
    tokenizer = tokenizers.Tokenizer(models.Unigram(vocabulary, unknown, bool(trainer.get(35, 0))))
    steps = []
    if isinstance(charsmap := normaliser.get(2), bytes) and charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    if normaliser.get(4, 1):
        steps += [normalizers.Strip(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    scheme = "always" if normaliser.get(3, 1) else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme, split=False)
    return tokenizer


def _piece(data: bytes) -> tuple[str, float, int]:
    fields = dict(fields_of(data))
    text, score = fields.get(1, b""), fields.get(2, b"\0" * 4)
    if not isinstance(text, bytes) or not isinstance(score, bytes):
        raise ValueError("a piece is not of text and score")
    return text.decode("utf-8"), float(struct.unpack("<f", score)[0]), int(fields.get(3, 1))


def _message(fields: list[tuple[int, Field]], number: int) -> dict[int, Field]:
    found = [value for one, value in fields if one == number and isinstance(value, bytes)]
    return dict(fields_of(found[-1])) if found else {}
