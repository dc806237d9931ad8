"""The recogniser as modules whose inputs and outputs are the tensors of the ONNX files.

Names and order follow optimum's Whisper layout; `ctc_logits` and `cross_attentions` are added behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxduct_training.recognizer import Attention, Layer, Recognizer


class EncoderGraph(nn.Module):
    """input_features [batch, 80, T] to last_hidden_state [batch, T / 2, width] and ctc_logits."""

    def __init__(self, model: Recognizer) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_features: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder states and character scores."""
        model = self.model
        x = F.gelu(model.conv2(F.gelu(model.conv1(input_features)))).transpose(1, 2)
        x = x + model.frame_positions[: x.shape[1]]  # type: ignore[index]
        for layer in model.encoder:
            query, key, value = layer.attention.joint(layer.norm(x)).chunk(3, dim=-1)  # type: ignore[operator, union-attr]
            mixed, _ = attend(layer.attention, query, split(layer.attention, key), split(layer.attention, value))  # type: ignore[arg-type]
            x = x + mixed
            x = x + feed_forward(layer, x)  # type: ignore[arg-type]
        states = model.encoder_norm(x)
        return states, model.characters(states)


def split(attention: Attention, x: Tensor) -> Tensor:
    """[batch, time, width] to [batch, heads, time, width / heads]."""
    return x.unflatten(-1, (attention.heads, -1)).transpose(1, 2)


def attend(
    attention: Attention, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The projected result and the weights [batch, heads, queries, keys]."""
    heads = split(attention, query)
    scores = (heads * heads.shape[-1] ** -0.5) @ key.transpose(2, 3)
    weights = (scores if mask is None else scores + mask).softmax(-1)
    return attention.out((weights @ value).transpose(1, 2).flatten(2)), weights


def feed_forward(layer: Layer, x: Tensor) -> Tensor:
    """The layer's feed-forward branch."""
    narrowed: Tensor = layer.narrow(F.gelu(layer.widen(layer.feed_norm(x))))
    return narrowed


class DecoderGraph(nn.Module):
    """Tokens with or without a past, as optimum's decoder and decoder-with-past."""

    def __init__(self, model: Recognizer, heads: list[list[int]], *, with_past: bool) -> None:
        super().__init__()
        self.model, self.heads, self.with_past = model, heads, with_past

    def forward(self, input_ids: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """logits, the present keys and values, and the attention of the alignment heads."""
        model, past = self.model, rest if self.with_past else ()
        before = past[0].shape[2] if past else 0
        positions = torch.arange(input_ids.shape[1]) + before
        x = model.embedding(input_ids) + model.token_positions[positions]
        ahead = torch.arange(input_ids.shape[1] + before)[None] > positions[:, None]
        mask = torch.where(ahead, -1e9, 0.0)
        present: list[Tensor] = []
        looks: list[Tensor] = []
        for number, layer in enumerate(model.decoder):
            x, made, look = self._layer(layer, x, mask, past[4 * number : 4 * number + 4], rest)  # type: ignore[arg-type]
            present += made
            looks.append(look)
        logits = F.linear(model.decoder_norm(x), model.embedding.weight)
        chosen = torch.stack([looks[layer][:, head] for layer, head in self.heads], dim=1)
        return (logits, *present, chosen)

    def _layer(
        self, layer: Layer, x: Tensor, mask: Tensor, past: tuple[Tensor, ...], rest: tuple[Tensor, ...]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        query, key, value = layer.attention.joint(layer.norm(x)).chunk(3, dim=-1)
        key, value = split(layer.attention, key), split(layer.attention, value)
        if past:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        mixed, _ = attend(layer.attention, query, key, value, mask)
        x = x + mixed
        assert layer.cross is not None and layer.cross.query is not None and layer.cross_norm is not None
        if past:
            cross_key, cross_value = past[2], past[3]
        else:
            cross_key, cross_value = (split(layer.cross, part) for part in layer.cross.joint(rest[0]).chunk(2, dim=-1))
        mixed, look = attend(layer.cross, layer.cross.query(layer.cross_norm(x)), cross_key, cross_value)
        x = x + mixed
        x = x + feed_forward(layer, x)
        made = [key, value] if past else [key, value, cross_key, cross_value]
        return x, made, look
