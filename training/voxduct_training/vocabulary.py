"""The recogniser's vocabulary, out of the language model that PocketSphinx carries (CMU Sphinx, BSD licence).

    python -m voxduct_training.vocabulary models_onnx/voxduct-tiny-en

`en-us.lm.bin` holds 72,547 words, 2.05 million bigrams and 1.67 million trigrams as sphinxbase's `ngram_model_trie`
writes them. Kept are the likeliest words and those bigrams that tell most: by how much they change the log-probability,
times how often that is (Stolcke 1998, "Entropy-based Pruning of Backoff Language Models", first term).
"""

from __future__ import annotations

import argparse
import struct
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxduct.asr.decode.vocabulary import SENTENCE, STEP

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAGIC = b"Trie Language Model"
LOG_BASE = np.log(1.0001)  # sphinxbase's unit of log-probabilities
QUANTISED = 1 << 16  # values of each table of the file
SENTENCE_BEGIN = 0.05  # how often, a word, a sentence begins; the file gives its begin no probability
WORDS, PAIRS = 60_000, 600_000
LEAST_LEFT = 1e-3  # probability that bigrams always leave to other words


@dataclass(frozen=True)
class Bigrams:
    """Words, and pairs of them; log-probabilities to base e."""

    words: list[str]
    unigrams: Floats
    backoffs: Floats
    first: Ints
    second: Ints
    logprobs: Floats


def read_sphinx(data: bytes) -> Bigrams:
    """The unigrams and bigrams of a binary model of order 3.

    Raises:
        ValueError: it is of another kind.
    """
    at = len(MAGIC) + 1
    if not data.startswith(MAGIC) or data[at - 1] != 3:
        raise ValueError("not a trie of order 3 as sphinxbase writes it")
    counts = struct.unpack_from("<3I", data, at)
    at += 12 + 4  # and the kind of quantiser
    tables = np.frombuffer(data, "<f4", 3 * QUANTISED, at)  # bigrams', their back-offs, trigrams'
    at += tables.nbytes
    entry = np.dtype([("logprob", "<f4"), ("backoff", "<f4"), ("next", "<u4")])
    unigrams = np.frombuffer(data, entry, counts[0] + 1, at)
    at += unigrams.nbytes
    bits_word, bits_next = counts[0].bit_length(), counts[2].bit_length()
    width = bits_word + 32 + bits_next
    pairs = int(unigrams["next"][-1])
    packed = np.frombuffer(data, np.uint8, (counts[1] + 1) * width // 8 + 16, at)
    # The trie is read backwards: below each word lie those that come before it.
    before = _field(packed, pairs, width, 0, bits_word)
    value = _field(packed, pairs, width, bits_word + 16, 16)
    second = np.repeat(np.arange(counts[0]), np.diff(unigrams["next"].astype(np.int64)))
    at += ((counts[1] + 1) * width + 7) // 8 + 8 + ((counts[2] + 1) * (bits_word + 16) + 7) // 8 + 8
    (size,) = struct.unpack_from("<I", data, at)
    words = data[at + 4 : at + 4 + size].decode().split("\0")[:-1]
    logprobs = tables[value].astype(np.float64) * LOG_BASE
    columns = [unigrams[name][:-1].astype(np.float64) * LOG_BASE for name in ("logprob", "backoff")]
    return Bigrams(words, columns[0], columns[1], before, second, logprobs)


def _field(packed: NDArray[np.uint8], rows: int, width: int, offset: int, bits: int) -> Ints:
    """One field of records of `width` bits each, lowest bit first; shape [rows]."""
    bit = np.arange(rows, dtype=np.int64) * width + offset
    found = np.zeros(rows, np.int64)
    for byte in range((bits + 14) // 8):
        found |= packed[(bit >> 3) + byte].astype(np.int64) << (8 * byte)
    return (found >> (bit & 7)) & ((1 << bits) - 1)


def spellable(word: str) -> bool:
    """Whether the recogniser's letters can spell a word; `SENTENCE` is one."""
    return word == SENTENCE or (word.isascii() and word.islower() and word.replace("'", "").isalpha())


def pruned(full: Bigrams, words: int, pairs: int) -> Bigrams:
    """The likeliest words, in the alphabet's order, and the bigrams that tell most."""
    usable = [number for number, word in enumerate(full.words) if spellable(word)]
    usable.sort(key=lambda number: (full.words[number] != SENTENCE, -full.unigrams[number]))
    kept = np.array(sorted(usable[:words], key=lambda number: full.words[number]))
    place = np.full(len(full.words), -1)
    place[kept] = np.arange(len(kept))
    names, unigrams, backoffs = [full.words[number] for number in kept], full.unigrams[kept], full.backoffs[kept]
    chance = np.exp(unigrams)
    chance[names.index(SENTENCE)] = SENTENCE_BEGIN
    known = (place[full.first] >= 0) & (place[full.second] >= 0)
    first, second, logprobs = place[full.first[known]], place[full.second[known]], full.logprobs[known]
    gain = chance[first] * np.exp(logprobs) * (logprobs - unigrams[second] - backoffs[first])
    best = np.argsort(-gain, kind="stable")[:pairs]
    best = best[np.lexsort((second[best], first[best]))]
    first, second, logprobs = first[best], second[best], logprobs[best]
    listed, seen = (np.bincount(first, weight, len(kept)) for weight in (np.exp(logprobs), np.exp(unigrams)[second]))
    left = np.clip(1 - listed, LEAST_LEFT, 1) / np.clip(1 - seen, LEAST_LEFT, 1)
    return Bigrams(names, unigrams, np.log(left), first, second, logprobs)


def write(found: Bigrams, path: Path) -> None:
    """As `voxduct.asr.decode.vocabulary` reads it."""
    np.savez_compressed(
        path,
        words=np.frombuffer("".join(word + "\n" for word in found.words).encode(), np.uint8),
        unigrams=_steps(found.unigrams, 0, 255).astype(np.uint8),
        backoffs=_steps(found.backoffs, -127, 127).astype(np.int8),
        counts=np.bincount(found.first, minlength=len(found.words)).astype(np.uint16),
        followers=found.second.astype(np.uint16),
        bigrams=_steps(found.logprobs, 0, 255).astype(np.uint8),
    )


def _steps(logprobs: Floats, least: int, most: int) -> Floats:
    return np.clip(np.round(-logprobs / STEP), least, most)


def write_shipped(folder: Path, words: int = WORDS, pairs: int = PAIRS) -> Bigrams:
    """`vocabulary.npz` of a model's folder, and the licence that its source asks to be passed on."""
    package = files("pocketsphinx")
    found = pruned(read_sphinx((package / "model/en-us/en-us.lm.bin").read_bytes()), words, pairs)
    write(found, folder / "vocabulary.npz")
    licence = next(path for path in metadata.files("pocketsphinx") or () if path.name == "LICENSE")
    (folder / "vocabulary.LICENSE").write_bytes(Path(str(licence.locate())).read_bytes())
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the model")
    parser.add_argument("--words", type=int, default=WORDS, help="at most 65,536")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    options = parser.parse_args()
    found = write_shipped(options.folder, options.words, options.pairs)
    print(f"{len(found.words)} words, {len(found.first)} pairs")


if __name__ == "__main__":
    main()
