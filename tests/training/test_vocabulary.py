from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from voxduct.asr.decode.vocabulary import STEP, Vocabulary
from voxduct_training.vocabulary import LOG_BASE, Bigrams, pruned, read_sphinx, spellable, write

pocketsphinx = pytest.importorskip("pocketsphinx")


@pytest.fixture(scope="module")
def full() -> Bigrams:
    return read_sphinx((files("pocketsphinx") / "model/en-us/en-us.lm.bin").read_bytes())


def test_read_sphinx_equals_what_pocketsphinx_says(full: Bigrams) -> None:
    path = files("pocketsphinx") / "model/en-us/en-us.lm.bin"
    model = pocketsphinx.NGramModel(pocketsphinx.Config(), pocketsphinx.LogMath(), str(path))
    for row in np.random.default_rng(0).integers(len(full.first), size=50).tolist():
        first, second = full.words[full.first[row]], full.words[full.second[row]]
        # The word, then what came before it.
        told = model.prob([second, first]) * LOG_BASE
        assert full.logprobs[row] == pytest.approx(told, abs=2e-4)


def test_read_sphinx_other_file_is_refused() -> None:
    with pytest.raises(ValueError, match="not a trie"):
        read_sphinx(b"\\data\\ ngram 1=2")


def test_pruned_tables_survive_the_file(full: Bigrams, tmp_path: Path) -> None:
    small = pruned(full, 2_000, 5_000)
    path = tmp_path / "vocabulary.npz"
    write(small, path)
    read = Vocabulary.load(path)
    assert len(read) == 2_000
    for row in range(0, 5_000, 97):
        found = read.logprob(int(small.second[row]), int(small.first[row]))
        assert found == pytest.approx(max(small.logprobs[row], -255 * STEP), abs=STEP / 2 + 1e-9)


@pytest.mark.parametrize(
    ("word", "fits"), [("it's", True), ("<s>", True), ("a.", False), ("</s>", False), ("'", False)]
)
def test_spellable_words_have_only_the_recognisers_letters(word: str, fits: bool) -> None:
    assert spellable(word) is fits
