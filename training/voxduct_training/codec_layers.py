"""Causal layers with explicit left context, so that a stream and a whole file run the same code.

Each layer's forward takes its state and returns the next one; a list of zero states starts a stream. Chunk sizes
then cannot matter, which removes the seams that windowed codecs have (audio.cpp #429, vllm-omni #4706).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CausalConv(nn.Module):
    """Depthwise or full convolution over [B, C, N]; its state is the last kernel-1 inputs."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, groups=groups)
        self.state_shape = (inputs, kernel - 1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([state, x], 2)
        return self.conv(joined), joined[:, :, x.shape[2] :]


class Block(nn.Module):
    """ConvNeXt block (Vocos, arXiv 2306.00814) with the depthwise kernel looking back only."""

    def __init__(self, width: int, kernel: int = 7, expand: int = 3) -> None:
        super().__init__()
        self.mix = CausalConv(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expand * width)
        self.down = nn.Linear(expand * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))
        self.state_shape = self.mix.state_shape

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = self.mix(x, state)
        y = self.norm(y.transpose(1, 2))
        y = self.down(nn.functional.gelu(self.up(y))) * self.scale
        return x + y.transpose(1, 2), state


class Stack(nn.Module):
    """Blocks in a row; one state per block."""

    def __init__(self, width: int, depth: int, kernel: int = 7) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, kernel) for _ in range(depth)])
        self.state_shapes = [(width, kernel - 1)] * depth

    def forward(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        after = []
        for block, state in zip(self.blocks, states, strict=True):
            x, state = block(x, state)
            after.append(state)
        return x, after
