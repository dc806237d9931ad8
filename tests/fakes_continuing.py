"""Models for continuations that need no weights: noise that depends on everything they were fed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from tests.fakes_speaking import BOOKS, CODES, FakeCodec
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.continuation.options import ContinuationConfig
from voxduct.continuation.prompt import Prompt, PromptTail
from voxduct.continuation.stream import Continuer
from voxduct.models import Floats, Ints

CLUSTERS = 16
SILENT = 3  # the one token that means silence
CONFIG = ContinuationConfig(
    clusters=CLUSTERS, silent_tokens=(SILENT,), none_code=CODES, delays=(0, 1, 2, 3), semantic_context=64,
    acoustic_context=48, semantic_temperature=0.9, semantic_top_p=0.9, semantic_top_k=40,
    acoustic_temperatures=(0.7, 0.5, 0.0, 0.0), acoustic_top_p=0.9, acoustic_top_k=30,
)  # fmt: skip


class FakeTokenizer:
    """A token is how loud 40 ms are."""

    token_samples = 640

    def tokens(self, samples: Samples) -> Ints:
        pieces = samples[: len(samples) // 640 * 640].reshape(-1, 640)
        found: Ints = (np.abs(pieces).mean(axis=1) * 40).astype(np.int64) % CLUSTERS
        return found


@dataclass
class Checksum:
    seed: int = 0
    steps: int = 0

    def noise(self, fed: Ints, shape: tuple[int, ...]) -> Floats:
        self.seed = zlib.crc32(np.ascontiguousarray(fed).tobytes(), self.seed)
        self.steps += 1
        return np.random.default_rng(self.seed).normal(0, 2, shape).astype(np.float32)


class Copying:
    def new_state(self) -> object:
        return Checksum()

    def copy_state(self, state: object) -> object:
        assert isinstance(state, Checksum)
        return Checksum(state.seed, state.steps)


@dataclass
class FakeSemanticLm(Copying):
    """`stuck_on` makes a token all but certain."""

    stuck_on: int | None = None
    fed: list[int] = field(default_factory=list)

    def step(self, tokens: Ints, state: object) -> Floats:
        assert isinstance(state, Checksum) and tokens.min() >= 0 and tokens.max() <= CLUSTERS
        self.fed.extend(tokens.tolist())
        logits = np.stack([state.noise(token, (CLUSTERS,)) for token in tokens])
        if self.stuck_on is not None:
            logits[:, self.stuck_on] = 50.0
        return logits


@dataclass
class FakeAcousticLm(Copying):
    """Says code 0 of every book while its own token is `SILENT` (or always, where `mute`), noise else."""

    mute: bool = False
    fed: list[tuple[Ints, Ints, int]] = field(default_factory=list)
    copies: int = 0

    def copy_state(self, state: object) -> object:
        self.copies += 1
        return super().copy_state(state)

    def speaker(self, codes: Ints) -> Floats:
        found: Floats = codes.mean(axis=1).astype(np.float32)
        return found

    def step(self, codes: Ints, semantic: Ints, phase: Ints, speaker: Floats, state: object) -> Floats:
        assert isinstance(state, Checksum)
        assert codes.shape == (len(phase), BOOKS) and semantic.shape == (len(phase), 4) and speaker.shape == (BOOKS,)
        assert codes.min() >= 0 and codes.max() <= CODES and semantic.max() <= CLUSTERS
        made = []
        for row, window, place in zip(codes, semantic, phase, strict=True):
            self.fed.append((row.copy(), window.copy(), int(place)))
            made.append(state.noise(np.concatenate([row, window]), (BOOKS, CODES)))
            made[-1][:, 0] = 60.0 if self.mute or window[1] == SILENT else -60.0
        return np.stack(made)


class QuietCodec(FakeCodec):
    """Code 0 of the first book is silence."""

    def decode(self, codes: Ints, state: object) -> Samples:
        samples = super().decode(codes, state)
        if codes[0, -1] == 0:
            assert isinstance(state, list)
            state[0] = np.zeros(self.frame_size, np.float32)
        return samples


def fake_continuer(tokens: FakeSemanticLm | None = None, acoustic: FakeAcousticLm | None = None) -> Continuer:
    return Continuer(FakeTokenizer(), tokens or FakeSemanticLm(), acoustic or FakeAcousticLm(), QuietCodec(), CONFIG)


def hum(seconds: float, loudness: float = 0.3) -> Samples:
    """A tone that swells and fades, so that tokens and codes vary."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 1.7 * time)
    return (loudness * swell * np.sin(2 * np.pi * 180 * time)).astype(np.float32)


def prompt_of(samples: Samples) -> Prompt:
    tail = PromptTail()
    tail.feed(samples)
    return tail.take()
