"""The recogniser: Whisper's encoder and decoder at a quarter of Whisper tiny's size, with two character CTC heads.

The CTC heads teach the encoder to listen before the decoder has anything to attend to; the one after
the last layer is shipped, the one in the middle is only a training aid.  Projections are fused here for
speed and pulled apart by `export_recognizer`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GUIDED_HEADS = 2  # of each decoder layer: told where the word lies, and later good for word times


@dataclass(frozen=True)
class Shape:
    """The sizes of the network."""

    vocabulary: int
    width: int = 256
    heads: int = 4
    encoder_layers: int = 6
    decoder_layers: int = 2
    mels: int = 80
    positions: int = 1500
    tokens: int = 448
    characters: int = 29
    middle_layer: int = 4


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's encoder positions."""
    step = math.log(10_000) / (channels // 2 - 1)
    angles = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(channels // 2))[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@dataclass(frozen=True)
class Context:
    """What a frame of the encoder may attend to, so that the same weights can follow a stream chunk by chunk.

    Chunk masks as in Zhang et al., "Unified Streaming and Non-streaming Two-pass End-to-end Model" (2020): everything
    in the frame's own chunk and `left` frames before it, nothing after it.
    """

    chunk: int
    left: int
    shift: int = 0
    """The position of the first frame: a stream does not begin where its window does."""

    def mask(self, frames: int, device: torch.device | None = None) -> Tensor:
        """[frames, frames], on `device`: True where the frame of the row may attend to that of the column."""
        at = torch.arange(frames, device=device)
        starts = at // self.chunk * self.chunk
        return (at < (starts + self.chunk)[:, None]) & (at >= (starts - self.left)[:, None])


class Attention(nn.Module):
    """Multi-head attention with fused projections: keys and values come with the queries, or from a memory."""

    def __init__(self, width: int, heads: int, *, cross: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width) if cross else None
        self.joint = nn.Linear(width, (2 if cross else 3) * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, *, causal: bool = False, mask: Tensor | None = None) -> Tensor:
        """Self-attention: [batch, time, width] to the same shape; `mask` [time, time] is True where one may look."""
        query, key, value = (self._split(part) for part in self.joint(x).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def look(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-attention, and its weights [batch, heads, queries, keys]."""
        if self.query is None:
            raise ValueError("only cross-attention looks at a memory")
        query = self._split(self.query(x))
        key, value = (self._split(part) for part in self.joint(memory).chunk(2, dim=-1))
        weights = (query @ key.transpose(2, 3) * query.shape[-1] ** -0.5).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).flatten(2)), weights

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, *, cross: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, cross=False)
        self.cross_norm = nn.LayerNorm(width) if cross else None
        self.cross = Attention(width, heads, cross=True) if cross else None
        self.feed_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """An encoder layer: self-attention and feed-forward."""
        x = x + self.attention(self.norm(x), mask=mask)
        return x + self.narrow(F.gelu(self.widen(self.feed_norm(x))))

    def decode(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """A decoder layer: causal self-attention, cross-attention, feed-forward; and where it looked."""
        assert self.cross is not None and self.cross_norm is not None
        x = x + self.attention(self.norm(x), causal=True)
        seen, weights = self.cross.look(self.cross_norm(x), memory)
        x = x + seen
        return x + self.narrow(F.gelu(self.widen(self.feed_norm(x)))), weights


class Recognizer(nn.Module):
    """Features in; encoder states, character scores and token scores out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.conv1 = nn.Conv1d(shape.mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.encoder = nn.ModuleList(Layer(width, shape.heads, cross=False) for _ in range(shape.encoder_layers))
        self.encoder_norm = nn.LayerNorm(width)
        self.characters = nn.Linear(width, shape.characters)
        self.middle_characters = nn.Linear(width, shape.characters)
        self.embedding = nn.Embedding(shape.vocabulary, width)
        self.token_positions = nn.Parameter(torch.randn(shape.tokens, width) * 0.02)
        self.decoder = nn.ModuleList(Layer(width, shape.heads, cross=True) for _ in range(shape.decoder_layers))
        self.decoder_norm = nn.LayerNorm(width)
        self.register_buffer("frame_positions", sinusoids(shape.positions, width))
        nn.init.normal_(self.embedding.weight, std=0.02)

    def encode(self, features: Tensor, context: Context | None = None) -> tuple[Tensor, Tensor]:
        """[batch, mels, 2 * frames] to states [batch, frames, width] and the middle layer's character scores.

        Without a context every frame attends to all others.
        """
        x = F.gelu(self.conv2(F.gelu(self.conv1(features)))).transpose(1, 2)
        first, frames = (context.shift if context else 0), x.shape[1]
        x = x + self.frame_positions[first : first + frames]  # type: ignore[index]
        mask = context.mask(frames, x.device) if context and context.chunk < frames else None
        middle = x
        for number, layer in enumerate(self.encoder, start=1):
            x = layer(x, mask)
            if number == self.shape.middle_layer:
                middle = x
        return self.encoder_norm(x), self.middle_characters(middle)

    def decode(self, tokens: Tensor, states: Tensor) -> Tensor:
        """Scores of the token after each of `tokens`: [batch, tokens, vocabulary]."""
        return self.decode_and_look(tokens, states)[0]

    def decode_and_look(self, tokens: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """The scores, and the cross-attention of the guided heads of every layer [batch, heads, tokens, frames]."""
        x, looks = self.embedding(tokens) + self.token_positions[: tokens.shape[1]], []
        for layer in self.decoder:
            x, weights = layer.decode(x, states)
            looks.append(weights[:, :GUIDED_HEADS])
        return F.linear(self.decoder_norm(x), self.embedding.weight), torch.cat(looks, dim=1)
