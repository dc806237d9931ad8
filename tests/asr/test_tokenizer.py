from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from tests.fakes_hearing import SPECIALS, fake_tokenizer
from voxduct.asr.tokenizer import Tokenizer
from voxduct.errors import ModelError

TEXT = "Well, it's a fine day for naïve café people 東京 isn't it?"


def byte_level(specials: tuple[str, ...] = (*SPECIALS, "<|de|>", "<|0.00|>")) -> tokenizers.Tokenizer:
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator([" fine day for people"] * 3, trainers.BpeTrainer(initial_alphabet=alphabet))
    bpe.add_special_tokens(list(specials))
    return bpe


def test_words_of_a_text_are_its_words_and_hold_all_its_tokens() -> None:
    tokenizer = Tokenizer(byte_level())
    tokens = tokenizer.encode(f" {TEXT}")
    words = tokenizer.words(tokens)
    assert [word.text for word in words] == TEXT.split()
    assert [token for word in words for token in word.tokens] == tokens
    assert all(tokens[word.first] == word.tokens[0] for word in words)


def test_words_of_an_unspaced_language_are_its_characters() -> None:
    tokenizer = Tokenizer(byte_level())
    words = tokenizer.words(tokenizer.encode("東京は"), "ja")
    assert [word.text for word in words] == ["東", "京", "は"]


def test_decode_leaves_specials_and_timestamps_out() -> None:
    tokenizer = Tokenizer(byte_level())
    specials = sorted(tokenizer.specials)
    assert len(specials) == 8
    assert tokenizer.decode([specials[0], *tokenizer.encode(" day"), specials[-1]]) == " day"


def test_prompt_of_an_english_model_has_no_language() -> None:
    tokenizer = Tokenizer(byte_level())
    assert tokenizer.prompt("de") == (tokenizer.start, tokenizer.no_timestamps)


def test_prompt_of_a_multilingual_model_names_language_and_task() -> None:
    tokenizer = Tokenizer(byte_level(), multilingual=True)
    assert tokenizer.prompt("de") == (
        tokenizer.start,
        tokenizer.languages["de"],
        tokenizer.transcribe,
        tokenizer.no_timestamps,
    )


def test_prompt_unknown_language_is_refused() -> None:
    with pytest.raises(ModelError, match="xx"):
        Tokenizer(byte_level(), multilingual=True).prompt("xx")


def test_tokenizer_without_whisper_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match="startoftranscript"):
        Tokenizer(byte_level(("<|endoftext|>",)))


def test_load_reads_what_was_saved(tmp_path: Path) -> None:
    byte_level().save(str(tmp_path / "tokenizer.json"))
    assert Tokenizer.load(tmp_path / "tokenizer.json").encode(" day") == Tokenizer(byte_level()).encode(" day")


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_load_bad_file_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        Tokenizer.load(path)


def test_fake_tokenizer_has_one_token_per_word() -> None:
    tokenizer = fake_tokenizer()
    assert [word.text for word in tokenizer.words(tokenizer.encode(" alpha bravo"))] == ["alpha", "bravo"]
