"""Mimi with every memory as an input and an output of its graphs, as it is published for streaming.

The layers are transformers' own; only what they remember from one call to the next is written out here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn
from transformers import MimiModel
from transformers.cache_utils import DynamicCache
from transformers.models.mimi.modeling_mimi import MimiConv1d, MimiConvTranspose1d, MimiResnetBlock

from tests.codec_exports import ExportedModel, causal_mask, mimi_model, write_config, write_graph

KEYS = 2  # positions in the example's keys and values: none at all would be traced as none for ever


class Tape:
    """Memories in the order in which layers ask for them: given before a call, collected after it."""

    def __init__(self, given: Iterable[Tensor] | None = None) -> None:
        self._given = None if given is None else list(given)
        self.later: list[Tensor] = []

    def take(self, *shape: int) -> Tensor:
        return torch.zeros(shape) if self._given is None else self._given.pop(0)


def convolve(conv: MimiConv1d, x: Tensor, tape: Tape) -> Tensor:
    padding = int(conv.padding_total)
    if not padding:
        return conv.conv(x)
    before = tape.take(1, conv.in_channels, padding)
    if conv.pad_mode == "replicate":  # before the start is what comes first, and zeros say that it is the start
        begun = tape.take(1, 1, 1)
        before = torch.where(begun > 0, before, x[..., :1].expand(-1, -1, padding))
    joined = torch.cat([before, x], dim=-1)
    tape.later.append(joined[..., -padding:])
    if conv.pad_mode == "replicate":
        tape.later.append(torch.ones(1, 1, 1))
    return conv.conv(joined)


def spread(conv: MimiConvTranspose1d, x: Tensor, tape: Tape) -> Tensor:
    over = conv.padding_right
    made = conv.conv(x)
    begun = made[..., :over] + tape.take(1, made.shape[1], over)
    made = torch.cat([begun, made[..., over:]], dim=-1)
    rest = made[..., -over:]
    tape.later.append(rest if conv.conv.bias is None else rest - conv.conv.bias[:, None])
    return made[..., :-over]


def walk(layers: Iterable[nn.Module], x: Tensor, tape: Tape) -> Tensor:
    for layer in layers:
        match layer:
            case MimiConv1d():
                x = convolve(layer, x, tape)
            case MimiConvTranspose1d():
                x = spread(layer, x, tape)
            case MimiResnetBlock():
                x = layer.shortcut(x) + walk(layer.block, x, tape)
            case _:
                x = layer(x)
    return x


def attend(transformer: nn.Module, x: Tensor, tape: Tape) -> Tensor:
    config, cache = transformer.config, DynamicCache()
    for layer in range(config.num_hidden_layers):
        both = (tape.take(1, config.num_key_value_heads, KEYS, config.head_dim) for _ in range(2))
        cache.update(*both, layer)
    x = transformer(x.transpose(1, 2), past_key_values=cache, use_cache=True, return_dict=True).last_hidden_state
    for layer in cache.layers:
        tape.later += [layer.keys, layer.values]
    return x.transpose(1, 2)


class StreamingEncoder(nn.Module):
    def __init__(self, model: MimiModel) -> None:
        super().__init__()
        self.model = model

    def compute(self, audio: Tensor, tape: Tape) -> Tensor:
        x = attend(self.model.encoder_transformer, walk(self.model.encoder.layers, audio, tape), tape)
        return self.model.quantizer.encode(walk([self.model.downsample], x, tape)).transpose(0, 1)

    def forward(self, audio: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        tape = Tape(states)
        return self.compute(audio, tape), *tape.later


class StreamingDecoder(nn.Module):
    def __init__(self, model: MimiModel) -> None:
        super().__init__()
        self.model = model

    def compute(self, codes: Tensor, tape: Tape) -> Tensor:
        x = walk([self.model.upsample], self.model.quantizer.decode(codes), tape)
        return walk(self.model.decoder.layers, attend(self.model.decoder_transformer, x, tape), tape)

    def forward(self, codes: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        tape = Tape(states)
        return self.compute(codes, tape), *tape.later


def streaming_mimi(folder: Path) -> ExportedModel:
    """As in BMekiker/mimi-onnx-streaming: graphs beside each other, no `config.json`, so that `codec.json` is needed.

    The decoder's states are called as they are there; the encoder's as in others, so that both are tried.
    """
    model = mimi_model()
    encoder, decoder = StreamingEncoder(model), StreamingDecoder(model)
    audio, codes = torch.randn(1, 1, 96), torch.randint(32, (1, 4, 4))
    with mock.patch("transformers.models.mimi.modeling_mimi.create_causal_mask", causal_mask):
        names = ("input_values", "audio_codes")
        export(encoder, folder / "encoder_model.onnx", names, audio, "state_", "out_state_")
        names = ("audio_codes", "audio_values")
        export(decoder, folder / "decoder_model.onnx", names, codes, "past_", "present_")
    facts = {"family": "mimi", "sampling_rate": 2400, "frame_size": 24, "cardinality": 32}
    write_config(folder, facts, "codec.json")
    return ExportedModel(model, folder)


def export(module: nn.Module, path: Path, names: tuple[str, str], example: Tensor, before: str, after: str) -> None:
    tape = Tape()
    with torch.no_grad():
        module.compute(example, tape)
    keys = {index for index, state in enumerate(tape.later) if state.ndim == 4}
    states = [f"{'key' if index in keys else 'conv'}_{index}" for index in range(len(tape.later))]
    axes = {names[0]: {2: "length"}}
    axes |= {f"{before}{name}": {2: "seen"} if index in keys else {} for index, name in enumerate(states)}
    axes |= {f"{after}{name}": {2: "seen_after"} for index, name in enumerate(states) if index in keys}
    axes |= {names[1]: {2: "made"}}
    examples = [state[:, :, :KEYS] if index in keys else state for index, state in enumerate(tape.later)]
    write_graph(module, path, (example, *examples), axes, [names[1], *(f"{after}{name}" for name in states)])
