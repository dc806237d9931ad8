"""A byte-level BPE tokenizer in Whisper's file layout, small enough for a seven-million-parameter model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from voxduct_training.corpus import DATA
from voxduct_training.texts import sentences, split_of

MERGES, TIMESTAMPS = 450, 1501
SPECIALS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"  # the CTC head's classes 1..28; class 0 is the blank


def timestamp_tokens() -> list[str]:
    """<|0.00|> to <|30.00|> in steps of 20 ms."""
    return [f"<|{step * 0.02:.2f}|>" for step in range(TIMESTAMPS)]


def train_tokenizer(lines: list[str]) -> Tokenizer:
    """Learn the merges and append Whisper's special tokens behind them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256 + MERGES, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([f" {line}" for line in lines], trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in timestamp_tokens()])
    start, plain, end = (tokenizer.token_to_id(SPECIALS[i]) for i in (1, -1, 0))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIALS[1]} {SPECIALS[-1]} $A:0 {SPECIALS[0]}",
        pair=f"{SPECIALS[1]} {SPECIALS[-1]} $A:0 $B:1 {SPECIALS[0]}",
        special_tokens=[(SPECIALS[1], start), (SPECIALS[-1], plain), (SPECIALS[0], end)],
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write every file transformers' Whisper tokenizers look for."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))  # vocab.json and merges.txt
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf8"))
    added = {token: index for token, index in tokenizer.get_vocab().items() if token not in vocabulary}
    ordered = dict(sorted(added.items(), key=lambda item: item[1]))
    end = SPECIALS[0]
    decoder = {
        str(index): {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": token in SPECIALS,
        }
        for token, index in ordered.items()
    }
    config = {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "additional_special_tokens": list(SPECIALS),
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
        "unk_token": end,
        "model_max_length": 448,
        "errors": "replace",
        "clean_up_tokenization_spaces": False,
    }
    special = {
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
        "unk_token": end,
        "additional_special_tokens": list(SPECIALS),
    }
    for name, content in (
        ("added_tokens.json", ordered),
        ("tokenizer_config.json", config),
        ("special_tokens_map.json", special),
        ("normalizer.json", {}),
    ):
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf8")


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer saved in `folder`."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def text_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of a text, with the leading space Whisper's own transcripts have."""
    return list(tokenizer.encode(f" {text}", add_special_tokens=False).ids) if text else []


def character_ids(text: str) -> list[int]:
    """CTC classes of a text."""
    return [CHARACTERS.index(character) + 1 for character in text]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    lines = [s.written for s in sentences(options.data / "text", made=25_000) if split_of(s.written) == "train"]
    save_tokenizer(train_tokenizer(lines), options.out)


if __name__ == "__main__":
    main()
