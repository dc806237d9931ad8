"""Letters to phones without autoregression: every letter answers with three slots, CTC decides what is in them.

Three slots a letter hold the longest pronunciations there are (`x` is k-s, `u` is y-uw, initials are longer), and CTC
(Graves et al., 2006) needs no alignment of letters and phones. One forward pass spells a word.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SLOTS = 3  # phones a letter may become
LONGEST = 32  # letters; learned positions


class Block(nn.Module):
    """A depthwise-separable look at the neighbours, then a pre-norm transformer layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.look = nn.Conv1d(width, width, 5, padding=2)
        self.norm_look, self.norm_attend, self.norm_think = (nn.LayerNorm(width) for _ in range(3))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 3 * width), nn.ReLU(), nn.Linear(3 * width, width))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """x [B, N, width], real f32 [B, N, 1] is 0 at padding."""
        batch, length, width = x.shape
        near = self.look((self.norm_look(x) * real).transpose(1, 2)).transpose(1, 2)
        x = x + self.drop(torch.relu(near))
        heads = self.qkv(self.norm_attend(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
        scores = scores + (real.transpose(1, 2).unsqueeze(1) - 1) * 1e4
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.drop(self.out(mixed))
        return x + self.drop(self.think(self.norm_think(x)))


class G2p(nn.Module):
    """Letter ids i64 [B, N] (0 is padding, a = 1) to logits [B, N * SLOTS, phones + 1]; class 0 is CTC's blank."""

    def __init__(self, phones: int, width: int = 128, layers: int = 3, heads: int = 4) -> None:
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS) + 1, width, padding_idx=0)
        self.places = nn.Embedding(LONGEST, width)
        nn.init.normal_(self.places.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, SLOTS * (phones + 1))
        self.classes = phones + 1

    def forward(self, letters: Tensor) -> Tensor:
        real = (letters > 0).float().unsqueeze(-1)
        x = self.letters(letters) + self.places.weight[: letters.shape[1]]
        for block in self.blocks:
            x = block(x, real)
        logits: Tensor = self.head(self.norm(x))
        return logits.reshape(letters.shape[0], letters.shape[1] * SLOTS, self.classes)


def letter_ids(word: str) -> list[int]:
    """1-based places in LETTERS."""
    return [LETTERS.index(letter) + 1 for letter in word]
