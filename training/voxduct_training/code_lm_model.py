"""The codec language model: one causal transformer over code frames, steered by a phoneme pointer.

VALL-E's conditional codec model (arXiv 2301.02111) with MusicGen's delay pattern (2306.05284) instead of a second,
non-causal pass, and with VALL-E R's monotonic pointer (2406.07855) instead of learnt alignment: every frame is told
which phone it speaks and for how long, and the advance head says when to go on. Skipped and repeated words then
cannot happen; only a badly spoken phone can.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PHONES = (
    "PAD UNK pau . aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy "
    "jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
).split()
PAD, UNK = 0, 1
BOOKS, CODES = 4, 1024
NONE = CODES  # the id of "no code yet"
DELAYS = (0, 1, 2, 3)
AGES = 32  # frames since the pointer moved are told apart up to here
NEIGHBOURS = 4  # previous, current, next, next but one
CONTEXT = 320
ROPE_BASE = 10_000.0
PROFILES = {"full": {"width": 192, "layers": 4, "heads": 3}, "tiny": {"width": 64, "layers": 2, "heads": 1}}


def rope(position: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """[B, T] -> cos, sin [B, 1, T, size/2]."""
    rate = torch.exp(
        torch.arange(0, size, 2, dtype=torch.float32, device=position.device) * (-math.log(ROPE_BASE) / size)
    )
    angle = position[:, None, :, None].float() * rate
    return angle.cos(), angle.sin()


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Norm(nn.Module):
    """RMSNorm, written out so that it exports as plain operators."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y = self.norm1(x)
        query = turn(self.split(self.query(y)), cos, sin)
        key, value = turn(self.split(self.key(y)), cos, sin), self.split(self.value(y))
        if past is None:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
            mixed = self._attend(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh")), (key, value)

    @staticmethod
    def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Causal attention whose queries are the last of the keys (export form)."""
        score = query @ key.transpose(2, 3) * (query.shape[3] ** -0.5)
        keys = torch.arange(key.shape[2], device=key.device)
        queries = keys[key.shape[2] - query.shape[2] :]
        return score.masked_fill(keys[None, :] > queries[:, None], -1e9).softmax(-1) @ value


class SpeakerEncoder(nn.Module):
    """Codes [B, books, T] -> one unit-scale vector [B, S]: mean and deviation over time of two small convolutions."""

    def __init__(self, speaker: int, width: int = 96, books: int = BOOKS) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(CODES + 1, width) for _ in range(books)])
        self.first, self.second = nn.Conv1d(width, width, 3, padding=1), nn.Conv1d(width, width, 3, padding=1)
        self.leave = nn.Linear(2 * width, speaker)

    def forward(self, codes: Tensor) -> Tensor:
        x = sum(table(codes[:, k]) for k, table in enumerate(self.tables)).transpose(1, 2)
        x = F.gelu(self.second(F.gelu(self.first(x))))
        mean = x.mean(2)
        spread = ((x - mean[:, :, None]).square().mean(2) + 1e-5).sqrt()
        y = self.leave(torch.cat([mean, spread], 1))
        return y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-6)


class CodeLm(nn.Module):
    def __init__(self, width: int = 192, layers: int = 4, heads: int = 3, speaker: int = 64) -> None:
        super().__init__()
        self.width, self.heads, self.speaker_size = width, heads, speaker
        self.codes = nn.ModuleList([nn.Embedding(CODES + 1, width) for _ in range(BOOKS)])
        self.phones = nn.ModuleList([nn.Embedding(len(PHONES), width) for _ in range(NEIGHBOURS)])
        self.age = nn.Embedding(AGES, width)
        self.speaker = nn.Linear(speaker, width)
        self.speaker_encoder = SpeakerEncoder(speaker)
        self.layers = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.norm = Norm(width)
        self.heads_out = nn.Linear(width, BOOKS * CODES)
        self.advance = nn.Linear(width, 1)
        self._start()

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3 if module.embedding_dim == self.width else 1.0)
        for layer in self.layers:
            nn.init.zeros_(layer.out.weight)
            nn.init.zeros_(layer.down.weight)
        nn.init.normal_(self.heads_out.weight, std=0.02)

    def embed(self, codes: Tensor, phones: Tensor, age: Tensor, speaker: Tensor) -> Tensor:
        x = self.age(age.clamp(0, AGES - 1)) + self.speaker(speaker)[:, None]
        for number, table in enumerate(self.codes):
            x = x + table(codes[:, :, number])
        for number, table in enumerate(self.phones):
            x = x + table(phones[:, :, number])
        return x

    def forward(
        self,
        codes: Tensor,
        phones: Tensor,
        age: Tensor,
        speaker: Tensor,
        position: Tensor,
        past: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """Logits [B, T, 4, 1024], advance [B, T], keys and values of every layer."""
        x = self.embed(codes, phones, age, speaker)
        cos, sin = rope(position, self.width // self.heads)
        kept = []
        for number, layer in enumerate(self.layers):
            x, pair = layer(x, cos, sin, None if past is None else (past[0][number], past[1][number]))
            kept.append(pair)
        x = self.norm(x)
        logits = self.heads_out(x).reshape(x.shape[0], x.shape[1], BOOKS, CODES)
        return logits, self.advance(x)[:, :, 0], kept


def delayed(codes: Tensor, steps: int) -> Tensor:
    """Undelayed [4, N] -> what step t is to predict, [steps, 4]: book k of frame t-k, NONE outside."""
    out = torch.full((steps, BOOKS), NONE, dtype=torch.long)
    for book, delay in enumerate(DELAYS):
        count = min(codes.shape[1], steps - delay)
        out[delay : delay + count, book] = codes[book, :count]
    return out
