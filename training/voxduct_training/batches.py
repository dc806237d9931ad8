"""Batches for the recogniser: read a shard, augment on the fly, bucket by length, label.

Padding is digital silence and is not masked anywhere: the network learns that silence says nothing, which
is what lets it hear a thirty-second window with three seconds of speech in it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly
from tokenizers import Tokenizer
from torch import Tensor

from voxduct_training.augment import augment, mask_features, not_speech, with_pace
from voxduct_training.figures import Shown, with_figures
from voxduct_training.mel import HOP, RATE, log_mel
from voxduct_training.recognizer import Context
from voxduct_training.shards import Utterance, read_shard
from voxduct_training.tokenizer import character_ids, text_ids

Samples = NDArray[np.float32]
IGNORED = -100
BATCHES_A_LOOK = 150  # between two looks for new shards
NATURAL = ("neural", "tinytts")  # neural voices: little of them, so each time in another voice
NATURAL_REPEATS = 4
NATURAL_VOICES = (84, 118)  # resampled by so many per cent
NATURAL_PACES = {"neural": (0.72, 1.0), "tinytts": (0.85, 1.2)}  # then so much of its own pace
OTHER_VOICES = (91, 112)
LONGEST_SHIFT = 900  # frames
CHUNK_FRAMES, LEFT_FRAMES = (15, 70), (100, 400)  # 0.3 to 1.4 s, 2 to 8 s


@dataclass(frozen=True)
class Lesson:
    """What the curriculum asks for at the moment."""

    longest: float  # seconds of speech in an utterance
    batch: float  # seconds of audio in a batch
    strength: float  # of the augmentation
    cut: float = 0.0  # share of utterances cut off at a word boundary
    empty: float = 0.0  # share of utterances without speech
    timed: float = 0.0  # share of targets with timestamps
    mask: float = 0.0  # share of utterances with SpecAugment
    silence: float = 0.3  # longest silence before and after, in seconds
    chunked: float = 0.0  # share of batches that the encoder hears chunk by chunk


@dataclass(frozen=True)
class Batch:
    """Features [batch, mels, 2 * frames], decoder tokens in and out, CTC targets joined, lengths, word windows."""

    features: Tensor
    tokens: Tensor
    targets: Tensor
    characters: Tensor
    lengths: Tensor
    windows: Tensor
    seconds: float
    context: Context | None = None

    def to(self, device: str) -> Batch:
        """The same batch where the network is; the lengths stay, because CTC asks for them on the CPU."""
        if device == "cpu":
            return self
        moved = {
            name: tensor.pin_memory().to(device, non_blocking=True)
            for name, tensor in self._tensors().items()
            if name != "lengths"
        }
        return replace(self, **moved)

    def to_arrays(self) -> dict[str, Any]:
        """The fields, tensors as arrays: cheap to send to another process."""
        arrays = {name: tensor.numpy() for name, tensor in self._tensors().items()}
        return {**arrays, "seconds": self.seconds, "context": self.context}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Batch:
        """The batch of `to_arrays`."""
        return cls(**{n: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for n, v in arrays.items()})

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


@dataclass(frozen=True)
class Example:
    """One utterance ready for a batch."""

    samples: Samples
    text: str  # what the decoder writes
    spelt: str  # what the CTC head spells
    span: tuple[float, float] | None
    words: tuple[tuple[float, float], ...] = ()
    """Seconds between which each word lies, as narrowly as the synthesiser told; empty when it told nothing."""


class Shards:
    """The finished shards of a folder; new ones are found while the synthesis goes on."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern = folder, pattern
        self._seen: set[Path] = set()
        self.entries: list[tuple[NDArray[np.int16], Utterance]] = []

    def refresh(self) -> int:
        """Take in new shards; returns how many there are now."""
        for path in sorted(self._folder.glob(self._pattern)):
            if path not in self._seen:
                self._seen.add(path)
                audio, rows = read_shard(path)
                repeats = NATURAL_REPEATS if path.name.startswith(NATURAL) else 1
                self.entries.extend((audio, row) for row in rows * repeats)
        return len(self._seen)

    def speech(self, index: int) -> tuple[Samples, Utterance]:
        """One utterance as float samples."""
        audio, row = self.entries[index]
        return audio[row.start : row.start + row.length].astype(np.float32) / 32768, row


class Examples:
    """Turns stored utterances into augmented examples, following a lesson."""

    def __init__(self, shards: Shards, seed: int) -> None:
        self._shards = shards
        self._rng = np.random.default_rng(seed)

    def make(self, index: int, lesson: Lesson) -> Example:
        """A fresh rendering of one utterance."""
        rng = self._rng
        speech, row = self._shards.speech(index)
        if rng.random() < lesson.empty:
            return Example(not_speech(len(speech), rng), "", "", None)
        shown, spelt, cut_off = with_figures(row.shown or row.text), row.text.split(), False
        told = dict(row.cuts)
        if row.cuts and not row.guessed and rng.random() < lesson.cut:
            count, end = row.cuts[int(rng.integers(len(row.cuts)))]
            begun = first_words(shown, count)
            if begun and end > 3200:
                shown, spelt, cut_off = begun, spelt[:count], True
                speech = speech[: end + int(rng.integers(0, 400))]
        speech, stretch = self._revoiced(speech, row.voice)
        told = {count: int(end * stretch) for count, end in told.items()}
        before = int(RATE * rng.uniform(0.02, lesson.silence))
        after = int(RATE * (rng.uniform(0, 0.06) if cut_off else rng.uniform(0.02, lesson.silence)))
        span = (before / RATE, (before + len(speech)) / RATE) if rng.random() < lesson.timed else None
        padded = np.concatenate([np.zeros(before, np.float32), speech, np.zeros(after, np.float32)])
        words = grouped(word_spans(len(spelt), told, len(speech), before), shown) if told else ()
        if row.guessed:
            words = tuple((start - 0.1, end + 0.1) for start, end in words)
        text = " ".join(word.text for word in shown)
        return Example(augment(padded, lesson.strength, rng), text, " ".join(spelt), span, words)

    def _revoiced(self, speech: Samples, voice: str) -> tuple[Samples, float]:
        """Often by another vocal tract; and how much longer that takes."""
        rng, length = self._rng, max(len(speech), 1)
        if voice in NATURAL:
            speech = _other_speaker(speech, NATURAL_PACES[voice], rng)
        elif rng.random() < 0.5:
            warp = int(rng.integers(*OTHER_VOICES))
            speech = resample_poly(speech, 100, warp).astype(np.float32) if warp != 100 else speech
        return speech, len(speech) / length

    def context(self, frames: int, chunked: float) -> Context | None:
        """How the encoder is to hear a batch of so many frames."""
        rng = self._rng
        if rng.random() >= chunked:
            return None
        shift = int(rng.integers(0, LONGEST_SHIFT)) if rng.random() < 0.5 else 0
        return Context(int(rng.integers(*CHUNK_FRAMES)), int(rng.integers(*LEFT_FRAMES)), shift)

    def features(self, samples: Samples, count: int, masked: float, *, causal: bool) -> NDArray[np.float32]:
        """Features of one example in a batch of `count` samples."""
        found = log_mel(np.pad(samples, (0, count - len(samples))), causal=causal)
        if self._rng.random() < masked:
            mask_features(found, len(samples) // HOP, self._rng)
        return found


def first_words(shown: list[Shown], count: int) -> list[Shown]:
    """What stands for the first so many spoken words, unless that ends within a number; no mark after the last."""
    ends = list(accumulate(word.words for word in shown))
    if count not in ends:
        return []
    kept = shown[: ends.index(count) + 1]
    return [*kept[:-1], replace(kept[-1], text=kept[-1].text.rstrip(",.?"))]


def grouped(spans: tuple[tuple[float, float], ...], shown: list[Shown]) -> tuple[tuple[float, float], ...]:
    """The spans of shown words from those of the spoken words that they stand for."""
    ends = list(accumulate(word.words for word in shown))
    return tuple((spans[end - word.words][0], spans[end - 1][1]) for word, end in zip(shown, ends, strict=True))


def _other_speaker(speech: Samples, paces: tuple[float, float], rng: np.random.Generator) -> Samples:
    """The same clip by a longer or shorter vocal tract, at a pace within `paces` of its own."""
    percent = int(rng.integers(*NATURAL_VOICES))
    warped = resample_poly(speech, 100, percent).astype(np.float32)
    return with_pace(warped, rng.uniform(*paces) * 100 / percent)


def prompt_and_target(tokenizer: Tokenizer, example: Example) -> list[int]:
    """The decoder's whole sequence for one example, prompt included."""
    identity = tokenizer.token_to_id
    words = text_ids(tokenizer, example.text)
    start, end = identity("<|startoftranscript|>"), identity("<|endoftext|>")
    if example.span is None or not words:
        return [start, identity("<|notimestamps|>"), *words, end]
    begin, finish = (identity(f"<|{round(t * 50) / 50:.2f}|>") for t in example.span)
    return [start, begin, *words, finish, end]


def word_spans(count: int, told: dict[int, int], length: int, before: int) -> tuple[tuple[float, float], ...]:
    """Seconds around each of `count` words, from the samples at which so many words had been said."""
    known = sorted({0: 0, **{words: end for words, end in told.items() if words < count}, count: length}.items())
    spans = []
    for word in range(count):
        start = max(end for words, end in known if words <= word)
        end = min(end for words, end in known if words > word)
        spans.append(((before + start) / RATE, (before + end) / RATE))
    return tuple(spans)


def word_windows(tokenizer: Tokenizer, example: Example, tokens: list[int]) -> list[tuple[int, int]]:
    """Frames of the word that each of `tokens` belongs to, with a little room; -1 where unknown."""
    windows, word = [], -1
    for token in tokens:
        name = tokenizer.id_to_token(token)
        word += name.startswith("Ġ")
        if name.startswith("<|") or not 0 <= word < len(example.words):
            windows.append((-1, -1))
        else:
            start, end = example.words[word]
            windows.append((max(int(start * 50) - 3, 0), int(end * 50) + 4))
    return windows


def collate(examples: list[Example], maker: Examples, tokenizer: Tokenizer, lesson: Lesson) -> Batch:
    """Pad to one length (a multiple of 80 ms) and label."""
    count = max(len(e.samples) for e in examples)
    count = -(-count // 1280) * 1280
    context = maker.context(count // (2 * HOP), lesson.chunked)
    features = np.stack([maker.features(e.samples, count, lesson.mask, causal=context is not None) for e in examples])
    sequences = [prompt_and_target(tokenizer, e) for e in examples]
    longest = max(len(s) for s in sequences) - 1
    end = tokenizer.token_to_id("<|endoftext|>")
    tokens = torch.full((len(examples), longest), end)
    targets = torch.full((len(examples), longest), IGNORED)
    windows = torch.full((len(examples), longest, 2), -1)
    for row, (sequence, example) in enumerate(zip(sequences, examples, strict=True)):
        tokens[row, : len(sequence) - 1] = torch.tensor(sequence[:-1])
        targets[row, : len(sequence) - 1] = torch.tensor(sequence[1:])
        windows[row, : len(sequence) - 1] = torch.tensor(word_windows(tokenizer, example, sequence[1:]))
        if example.span is None:
            targets[row, 0] = IGNORED  # the caller chooses the mode; only the timed mode predicts its start
    characters = [character_ids(e.spelt) for e in examples]
    joined = torch.tensor([c for line in characters for c in line], dtype=torch.long)
    lengths = torch.tensor([len(line) for line in characters])
    seconds = len(examples) * count / RATE
    return Batch(torch.from_numpy(features), tokens, targets, joined, lengths, windows, seconds, context)


def _buckets(shards: Shards, lesson: Lesson, rng: random.Random) -> list[list[int]]:
    chosen = [i for i, (_, row) in enumerate(shards.entries) if row.length < lesson.longest * RATE]
    chosen = chosen or list(range(len(shards.entries)))  # a tiny run may have nothing that short
    rng.shuffle(chosen)
    chosen = chosen[:6000]
    length = {i: shards.entries[i][1].length + rng.randint(0, 4000) for i in chosen}
    buckets: list[list[int]] = [[]]
    for index in sorted(chosen, key=length.__getitem__):
        each = length[index] / RATE + lesson.silence
        if buckets[-1] and (len(buckets[-1]) + 1) * each > lesson.batch:
            buckets.append([])
        buckets[-1].append(index)
    rng.shuffle(buckets)
    return buckets


def endless(shards: Shards, tokenizer: Tokenizer, lesson: Callable[[], Lesson], seed: int) -> Iterator[Batch]:
    """Batches without end, made as they are asked for; the curriculum is asked again for every batch."""
    rng, maker = random.Random(seed), Examples(shards, seed)
    while True:
        shards.refresh()
        now = lesson()
        for bucket in _buckets(shards, now, rng)[:BATCHES_A_LOOK]:
            if lesson().longest != now.longest:
                break
            examples = [maker.make(index, lesson()) for index in bucket]
            yield collate(examples, maker, tokenizer, lesson())


def ahead_of(batches: Iterator[Batch], ahead: int) -> Iterator[Batch]:
    """The same batches, so many of them fetched ahead in a background thread; its errors are raised here."""
    queue: Queue[Batch | Exception] = Queue(maxsize=ahead)

    def work() -> None:
        try:
            for batch in batches:
                queue.put(batch)
        except Exception as error:  # the trainer is to fail, not to wait for ever
            queue.put(error)

    Thread(target=work, daemon=True).start()
    while True:
        found = queue.get()
        if isinstance(found, Exception):
            raise found
        yield found


def stream(
    shards: Shards, tokenizer: Tokenizer, lesson: Callable[[], Lesson], seed: int, ahead: int = 4
) -> Iterator[Batch]:
    """Batches without end, made in a background thread."""
    return ahead_of(endless(shards, tokenizer, lesson, seed), ahead)
