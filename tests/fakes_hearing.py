"""Deterministic doubles of the hearing models: what they say depends on the audio alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from voxduct.asr.tokenizer import Tokenizer
from voxduct.dsp import mel_filters
from voxduct.models import BatchStep, DecoderStep, Floats, Ints

WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
SPECIALS = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|nospeech|>", "<|notimestamps|>")
TONES = (300.0, 500.0, 800.0, 1200.0, 1700.0, 2400.0, 3300.0, 4500.0)  # Hz: how each word sounds
TONE_BINS = np.array([mel_filters(80)[round(tone / 40)].argmax() for tone in TONES])
WORD_SAMPLES = 6_400  # 0.4 s
WORD_FRAMES = WORD_SAMPLES // 320


class FakeVad:
    """Speech is whatever is loud; remembers nothing but counts frames."""

    frame_size = 512

    def new_state(self) -> list[int]:
        return [0]

    def probabilities(self, frames: Floats, state: object) -> Floats:
        assert isinstance(state, list)
        state[0] += len(frames)
        loud: Floats = (np.sqrt(np.mean(np.square(frames), axis=1)) > 0.02).astype(np.float32)
        return loud


def fake_tokenizer(*more: str, multilingual: bool = False) -> Tokenizer:
    """One token per word of `WORDS`, plus single letters and the special tokens, `more` of them among these."""
    vocabulary = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary |= {f"Ġ{word}": len(vocabulary) + i for i, word in enumerate(WORDS)}
    bpe = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="!"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens([*SPECIALS[:-1], *more, SPECIALS[-1]])
    return Tokenizer(bpe, multilingual=multilingual)


def say(*words: str, gap: int = 0, level: float = 0.3) -> Floats:
    """Audio that FakeVad takes for speech and FakeWhisper for these words; `gap` samples of silence after each."""
    time = np.arange(WORD_SAMPLES) / 16_000
    pieces = []
    for word in words:
        tone = level * np.sin(2 * np.pi * TONES[WORDS.index(word)] * time)
        pieces += [tone, np.zeros(gap)]
    audio: Floats = np.concatenate(pieces).astype(np.float32)
    return audio


@dataclass
class _Heard:
    words: list[tuple[int, int]]  # token, frame where it begins
    frames: int


@dataclass
class _State:
    heard: _Heard
    tokens: list[int] = field(default_factory=list)


class FakeWhisper:
    """Hears each tone of `say` as its word; the last word of a window that breaks off within it may be misheard."""

    num_mels = 80
    frame_samples = 320
    dynamic = True

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.windows: list[int] = []
        """Log-mel frames of each window that was encoded."""
        self.fail_at: int | None = None
        """The call of `encode` that raises."""

    def encode(self, log_mel: Floats) -> _Heard:
        self.windows.append(log_mel.shape[1])
        if self.fail_at is not None and len(self.windows) > self.fail_at:
            raise RuntimeError("out of memory")
        loud = log_mel.max(axis=0) > log_mel.max() - 0.5
        peaks = np.where(loud, log_mel.argmax(axis=0), -1)[::2]
        return _Heard(self._runs(peaks), len(peaks))

    def _runs(self, peaks: np.ndarray) -> list[tuple[int, int]]:
        words, start = [], 0
        for i in range(1, len(peaks) + 1):
            if i == len(peaks) or abs(peaks[i] - peaks[start]) > 1:
                if peaks[start] >= 0 and i - start >= 3:
                    name = self._nearest(peaks[start]) if i - start >= WORD_FRAMES // 2 else "hotel"
                    words.append((self._tokenizer.encode(f" {name}")[0], start))
                start = i
        return words

    def _nearest(self, peak: int) -> str:
        return WORDS[int(np.argmin(np.abs(TONE_BINS - peak)))]

    def num_frames(self, encoding: object) -> int:
        assert isinstance(encoding, _Heard)
        return encoding.frames

    def new_state(self, encoding: object) -> list[_State]:
        return self.new_batch([encoding])

    def new_batch(self, encodings: Sequence[object]) -> list[_State]:
        return [_State(encoding) for encoding in encodings if isinstance(encoding, _Heard)]

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        step = self.decode_batch(np.array([tokens], np.int64), state)
        return DecoderStep(step.logits[0], None if step.attention is None else step.attention[0])

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        assert isinstance(state, list)
        steps = [self._decode_row(row.tolist(), own) for row, own in zip(tokens, state, strict=True)]
        return BatchStep(np.stack([logits for logits, _ in steps]), np.stack([attention for _, attention in steps]))

    def rewind(self, tokens: int, state: object) -> None:
        assert isinstance(state, list)
        for row in state:
            assert len(row.tokens) >= tokens
            del row.tokens[tokens:]

    def select(self, rows: Sequence[int], state: object) -> None:
        assert isinstance(state, list)
        state[:] = [_State(state[row].heard, list(state[row].tokens)) for row in rows]

    def _decode_row(self, tokens: Sequence[int], state: _State) -> tuple[Floats, Floats]:
        logits, attention = [], np.full((1, len(tokens), state.heard.frames), 1e-3, np.float32)
        for i, token in enumerate(tokens):
            state.tokens.append(token)
            begin = state.tokens.index(self._tokenizer.start) if self._tokenizer.start in state.tokens else i + 1
            text = state.tokens[begin:]  # earlier text stands before it
            said = sum(t not in self._tokenizer.specials for t in text)
            row = np.zeros(1000, np.float32)
            following = state.heard.words[said][0] if said < len(state.heard.words) else self._tokenizer.end
            row[following] = 20.0
            logits.append(row)
            begin = state.heard.words[said][1] if said < len(state.heard.words) else state.heard.frames - 1
            attention[0, i, begin : begin + WORD_FRAMES] = 1.0
        return np.stack(logits), attention


def split(audio: Floats, cuts: Sequence[int]) -> list[Floats]:
    """Cuts audio into chunks at places given modulo its length."""
    places = sorted({cut % max(len(audio), 1) for cut in cuts})
    return np.split(audio, places)
