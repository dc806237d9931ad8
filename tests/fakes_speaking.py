"""Models for speech that need no weights: every behaviour is a rule one can compute by hand."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.models import CodeStep, Floats, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.config import VoiceConfig
from voxduct.tts.pointer import PhoneDuration
from voxduct.tts.sampling import SamplingOptions
from voxduct.tts.sound_parameters import MelCepstra, SoundParameters
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text.lexicon import Lexicon
from voxduct.tts.text_to_speech import TtsOptions
from voxduct.tts.voices import Voice

BOOKS, CODES, SPEAKER = 4, 64, 3
PHONES = (
    "PAD UNK pau . aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y "
    "z zh"
).split()
LEXICON = {
    "hello": "hh ax l ow", "world": "w er l d", "the": "dh ax", "apple": "ae p ax l", "dog": "d ao g", "a": "ax",
    "how": "hh aw", "are": "aa r", "you": "y uw", "one": "w ah n", "two": "t uw", "three": "th r iy", "cat": "k ae t",
    "record": "r ax k ao r d", "record/v": "r ax k ao r d", "record/n": "r eh k er d", "and": "ae n d", "to": "t ax",
}  # fmt: skip


@dataclass
class LmState:
    """A checksum of everything it was fed, so that forgetting to copy it shows."""

    steps: int = 0
    seed: int = 0


@dataclass
class FakeLm:
    """Logits and advance are noise that depends on everything fed so far. `advance` overrides the latter."""

    advance: Callable[[int], float] | None = None
    fed: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)
    fail_at: int | None = None

    def new_state(self) -> object:
        return LmState()

    def copy_state(self, state: object) -> object:
        assert isinstance(state, LmState)
        return LmState(state.steps, state.seed)

    def step(self, codes: Ints, phones: Ints, age: Ints, speaker: Floats, state: object) -> CodeStep:
        assert isinstance(state, LmState)
        count = codes.shape[0]
        assert codes.shape == (count, BOOKS) and phones.shape == (count, 4) and age.shape == (count,)
        if self.fail_at is not None and state.steps >= self.fail_at:
            raise RuntimeError("the fake was told to fail")
        self.fed.append((codes.copy(), phones.copy(), age.copy()))
        logits, advance = [], []
        for row in range(count):
            state.steps += 1
            heard = codes[row].tobytes() + phones[row].tobytes() + age[row].tobytes()
            state.seed = zlib.crc32(heard, state.seed)
            rng = np.random.default_rng(state.seed)
            logits.append(rng.normal(0, 2, (BOOKS, CODES)))
            advance.append(self.advance(state.steps) if self.advance else rng.normal(-1, 2))
        return CodeStep(np.array(logits, np.float32), np.array(advance, np.float32))


class FakeCodec:
    """A frame is a tone burst whose loudness and pitch are its first codes; the decoder lags by one frame."""

    sample_rate = SAMPLE_RATE
    frame_size = 320
    num_codebooks = BOOKS
    cardinality = CODES

    def new_encoder_state(self) -> object:
        return [0.0]

    def new_decoder_state(self) -> object:
        return [np.zeros(self.frame_size, np.float32)]

    def encode(self, samples: Samples, state: object) -> Ints:
        """Running mean of the loudness, so that the state matters."""
        assert isinstance(state, list) and len(samples) % self.frame_size == 0
        rows = []
        for frame in samples.reshape(-1, self.frame_size):
            state[0] = 0.5 * state[0] + float(np.abs(frame).mean())
            rows.append([int(state[0] * (k + 1) * 20) % CODES for k in range(BOOKS)])
        return np.array(rows, np.int64).reshape(-1, BOOKS).T

    def decode(self, codes: Ints, state: object) -> Samples:
        assert isinstance(state, list) and codes.shape[0] == BOOKS
        assert codes.min() >= 0 and codes.max() < CODES
        made = []
        for frame in codes.T:
            made.append(state[0])
            pitch = 100 + 20 * int(frame[1]) + int(frame[2]) + int(frame[3])
            tone = np.sin(np.arange(self.frame_size) * 2 * np.pi * pitch / SAMPLE_RATE)
            state[0] = (tone * (0.1 + frame[0] / CODES / 2)).astype(np.float32)
        return np.concatenate(made)


@dataclass
class FakeG2p:
    """Every letter is one phone; counts how often it was asked."""

    asked: list[str] = field(default_factory=list)

    def phonemes(self, word: str) -> Sequence[str]:
        self.asked.append(word)
        return ["ax" if letter in "aeiou" else "t" for letter in word]


def fake_config(**changes: object) -> VoiceConfig:
    """Phones last one to twelve frames."""
    ids = {name: index for index, name in enumerate(PHONES)}
    durations = {index: PhoneDuration(mean=3.0, min=1) for index in ids.values()}
    settings: dict[str, object] = {
        "phones": ids,
        "durations": durations,
        "unknown_id": 1,
        "none_code": CODES,
        "sampling": SamplingOptions(),
        "default_voice": "ada",
    }
    return VoiceConfig(**(settings | changes))  # type: ignore[arg-type]


def fake_voice(name: str = "ada", frames: int = 20) -> Voice:
    """A prompt of random codes, every phone four frames long."""
    rng = np.random.default_rng(len(name))
    codes = rng.integers(0, CODES, (BOOKS, frames))
    return Voice(name, rng.normal(size=SPEAKER).astype(np.float32), codes, np.arange(frames) // 4 % 20 + 4)


def fake_code_vectors() -> CodeVectors:
    """A code is its own vector, of width 1, so that a frame is worth the sum of its codes."""
    return CodeVectors(np.tile(np.arange(CODES, dtype=np.float32)[:, None], (BOOKS, 1, 1)))


def melodic_code_vectors() -> CodeVectors:
    """A frame's pitch is its first code, 12 to the octave, its loudness the second, in decibels."""
    tables = np.zeros((BOOKS, CODES, 2), np.float32)
    tables[0, :, 0] = tables[1, :, 1] = np.arange(CODES)
    return CodeVectors(tables, SoundParameters((0,), 12.0, (1,), 1.0))


def vocal_code_vectors() -> CodeVectors:
    """A frame's loudness is its first code, its pitch the second, and it is always voiced."""
    tables = np.zeros((BOOKS, CODES, 3), np.float32)
    tables[0, :, 0] = tables[1, :, 1] = np.arange(CODES)
    tables[:, :, 2] = 1.0
    return CodeVectors(tables, SoundParameters((1,), 12.0, (0,), 0.05, (2,), 3))


def spectral_code_vectors() -> CodeVectors:
    """A frame's first code is how loud it is, the second how it leans, the third its pitch, the fourth its voicing."""
    tables = np.zeros((BOOKS, CODES, 4), np.float32)
    tables[0, :, 0] = np.linspace(-90.0, 0.0, CODES)
    for book in range(1, BOOKS):
        tables[book, :, book] = np.linspace(-5.0, 5.0, CODES)
    return CodeVectors(tables, SoundParameters((2,), 12.0, (0,), 2.0, cepstra=MelCepstra(2, 40, 1e-6, (3,), -4.0)))


def fake_synthesiser(
    lm: FakeLm | None = None,
    options: TtsOptions | None = None,
    voices: Sequence[Voice] | None = None,
    *,
    mixes: bool = True,
    vectors: CodeVectors | None = None,
    **config: object,
) -> Synthesiser:
    """A synthesiser without files; `mixes`: its codec's `vectors` are known; `config` as in `fake_config`."""
    return Synthesiser(
        lm=lm or FakeLm(),
        codec=FakeCodec(),
        g2p=FakeG2p(),
        lexicon=Lexicon(LEXICON),
        voices=[fake_voice("ada"), fake_voice("ben")] if voices is None else voices,
        config=fake_config(**config),
        options=options,
        code_vectors=(vectors or fake_code_vectors()) if mixes else None,
    )
