from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from voxduct.errors import ModelError
from voxduct.onnx.g2p import OnnxG2p, read_lexicon

MODEL = Path(__file__).parents[2] / "models_onnx" / "voxduct-g2p-en"


@pytest.fixture(scope="module")
def g2p() -> OnnxG2p:
    return OnnxG2p(MODEL)


@pytest.mark.parametrize(
    ("word", "phones"),
    [("cat", "k ae t"), ("shipping", "sh ih p ih ng"), ("blanket", "b l ae ng k ax t"), ("fix", "f ih k s")],
)
def test_g2p_regular_word_is_spelled_out(g2p: OnnxG2p, word: str, phones: str) -> None:
    assert " ".join(g2p.phonemes(word)) == phones


def test_g2p_long_word_is_said_in_parts(g2p: OnnxG2p) -> None:
    assert len(g2p.phonemes("pneumonoultramicroscopicsilicovolcanoconiosis")) > 20


@pytest.mark.parametrize("word", ["", "123", "日本"])
def test_g2p_nothing_to_spell_gives_no_phones(g2p: OnnxG2p, word: str) -> None:
    assert list(g2p.phonemes(word)) == []


@pytest.mark.parametrize("name", ["onnx/model.onnx", "config.json"])
def test_g2p_missing_file_raises_model_error(tmp_path: Path, name: str) -> None:
    shutil.copytree(MODEL, tmp_path / "g2p")
    (tmp_path / "g2p" / name).unlink()
    with pytest.raises(ModelError, match=Path(name).name):
        OnnxG2p(tmp_path / "g2p")


@pytest.mark.parametrize("content", [None, b"", b"not xz"])
def test_read_lexicon_damaged_file_raises_model_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "lexicon.txt.xz").write_bytes(content)
    with pytest.raises(ModelError, match="lexicon"):
        read_lexicon(tmp_path)
