"""Codecs of random weights in the layouts that are published: small shapes of what transformers has, and stand-ins."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn
from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel, MimiConfig, MimiModel

OPSET = 17
SEED = 11


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A model, and the folder that it was exported to."""

    model: nn.Module
    folder: Path


class Wrapped(nn.Module):
    """A function of a model as a module, which the exporter asks for."""

    def __init__(self, model: nn.Module, function: Callable[..., object]) -> None:
        super().__init__()
        self.model, self._function = model, function

    def forward(self, *values: Tensor) -> object:
        return self._function(self.model, *values)


def write_graph(
    module: nn.Module, path: Path, examples: tuple[Tensor, ...], axes: dict[str, dict[int, str]], outputs: list[str]
) -> None:
    """Inputs are the first `len(examples)` names of `axes`, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(axes)[: len(examples)]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace warns of every branch; what it makes is compared with the model
        torch.onnx.export(
            module.eval(), examples, str(path), input_names=names, output_names=outputs,
            dynamic_axes={name: axis for name, axis in axes.items() if axis}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip


def randomise(model: nn.Module, spread: float = 1.0) -> None:
    """Codebooks are born empty, biases 0, other weights so small that all codes are the same."""
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if name.endswith("bias"):
                weights.normal_(std=0.05)
            elif name.endswith("weight") and weights.ndim == 3:
                weights.normal_(std=weights[0].numel() ** -0.5)
        for name, values in model.named_buffers():
            if name.endswith(("embed", "embed_sum")):
                values.normal_(std=spread)


def dac(folder: Path) -> ExportedModel:
    torch.manual_seed(SEED)
    config = DacConfig(
        encoder_hidden_size=8, downsampling_ratios=[2, 5], decoder_hidden_size=32, n_codebooks=3, codebook_size=64,
        codebook_dim=4, sampling_rate=24_000,
    )  # fmt: skip
    model = DacModel(config).eval()
    randomise(model)
    encoder = Wrapped(model, lambda model, audio: model.encode(audio).audio_codes)
    decoder = Wrapped(model, lambda model, codes: model.decoder(model.quantizer.from_codes(codes)[0]))
    write_pair(folder, encoder, decoder, torch.randn(1, 1, 400), torch.randint(64, (1, 3, 40)), 2)
    write_config(
        folder, {**config.to_dict(), "hop_length": 512}
    )  # as in dac_24khz, where it is no product of the ratios
    return ExportedModel(model, folder)


def write_pair(
    folder: Path, encoder: nn.Module, decoder: nn.Module, audio: Tensor, codes: Tensor, time_axis: int
) -> None:
    """`encoder_model.onnx` and `decoder_model.onnx` as onnx-community names their inputs and outputs."""
    sound, found = {0: "batch", 2: "length"}, {time_axis - 2: "batch", time_axis: "frames"}
    axes = {"input_values": sound, "audio_codes": found}
    write_graph(encoder, folder / "onnx/encoder_model.onnx", (audio,), axes, ["audio_codes"])
    axes = {"audio_codes": found, "audio_values": sound}
    write_graph(decoder, folder / "onnx/decoder_model.onnx", (codes,), axes, ["audio_values"])


def write_config(folder: Path, config: dict[str, object], name: str = "config.json") -> None:
    (folder / name).write_text(json.dumps(config), encoding="utf-8")


def encodec_config(**changes: object) -> EncodecConfig:
    small = {
        "target_bandwidths": [3.0, 6.0], "sampling_rate": 2000, "audio_channels": 1, "hidden_size": 16,
        "num_filters": 4, "upsampling_ratios": [4, 2], "codebook_size": 64, "codebook_dim": 16, "num_lstm_layers": 1,
    }  # fmt: skip
    return EncodecConfig(**{**small, **changes})


def encodec_model(**changes: object) -> EncodecModel:
    torch.manual_seed(SEED)
    model = EncodecModel(encodec_config(**changes)).eval()
    randomise(model, spread=0.02)
    return model


def encodec(folder: Path) -> ExportedModel:
    """24 kHz' kind: one stretch, no scales."""
    model = encodec_model()
    encoder = Wrapped(model, lambda model, audio: model.encode(audio, bandwidth=6.0).audio_codes)
    decoder = Wrapped(model, lambda model, codes: model.decode(codes, [None])[0])
    write_pair(folder, encoder, decoder, torch.randn(1, 1, 320), torch.randint(64, (1, 1, 4, 40)), 3)
    write_config(folder, model.config.to_dict())
    return ExportedModel(model, folder)


def encodec_scaled(folder: Path) -> ExportedModel:
    """48 kHz' kind, but mono: sound is divided by its loudness first."""
    return write_scaled(folder, encodec_model(normalize=True), torch.randn(1, 1, 320), {2: "length"}, {3: "frames"})


def encodec_stretched(folder: Path) -> ExportedModel:
    """The same in stretches that overlap. A trace unrolls the loop over them, so that the length is fixed."""
    model = encodec_model(normalize=True, chunk_length_s=0.1, overlap=0.1)
    return write_scaled(folder, model, torch.randn(1, 1, 360), {}, {})


def write_scaled(
    folder: Path, model: EncodecModel, audio: Tensor, sound: dict[int, str], codes: dict[int, str]
) -> ExportedModel:
    def encode(model: EncodecModel, audio: Tensor) -> tuple[Tensor, Tensor]:
        found = model.encode(audio, bandwidth=6.0)
        return found.audio_codes, torch.cat(found.audio_scales)

    def decode(model: EncodecModel, codes: Tensor, scales: Tensor) -> Tensor:
        return model.decode(codes, scales if model.config.chunk_length_s else [scales])[0]

    names = ["audio_codes", "audio_scales"]
    axes = {"input_values": sound, "audio_codes": codes}
    write_graph(Wrapped(model, encode), folder / "onnx/encoder_model.onnx", (audio,), axes, names)
    axes = {"audio_codes": codes, "audio_scales": {}, "audio_values": sound}
    with torch.no_grad():
        examples = encode(model, audio)
    write_graph(Wrapped(model, decode), folder / "onnx/decoder_model.onnx", examples, axes, ["audio_values"])
    write_config(folder, model.config.to_dict())
    return ExportedModel(model, folder)


def mimi_config(**changes: object) -> MimiConfig:
    small = {
        "sampling_rate": 2400, "hidden_size": 16, "num_filters": 2, "upsampling_ratios": [4, 3], "codebook_size": 32,
        "codebook_dim": 8, "vector_quantization_hidden_dimension": 8, "num_quantizers": 4, "num_semantic_quantizers": 1,
        "num_hidden_layers": 2, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2,
        "head_dim": 8, "frame_rate": 100, "upsample_groups": 16, "sliding_window": 250, "use_cache": False,
        "layer_scale_initial_scale": 0.5, "attn_implementation": "eager",
    }  # fmt: skip
    return MimiConfig(**{**small, **changes})


def causal_mask(
    config: MimiConfig, input_embeds: Tensor, cache_position: Tensor, past_key_values: object = None, **_: object
) -> Tensor:
    """What transformers' own function of this name returns, without the vmap that cannot be exported."""
    past = 0 if past_key_values is None else past_key_values.get_seq_length()  # type: ignore[attr-defined]
    keys = torch.arange(past + input_embeds.shape[1])[None, :]
    queries = cache_position[:, None]
    seen = keys <= queries
    return torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None]


def mimi_model() -> MimiModel:
    torch.manual_seed(SEED)
    model = MimiModel(mimi_config()).eval()
    randomise(model)
    return model


def mimi(folder: Path) -> ExportedModel:
    model = mimi_model()
    encoder = Wrapped(model, lambda model, audio: model.encode(audio).audio_codes)
    decoder = Wrapped(model, lambda model, codes: model.decode(codes)[0])
    with mock.patch("transformers.models.mimi.modeling_mimi.create_causal_mask", causal_mask):
        write_pair(folder, encoder, decoder, torch.randn(1, 1, 24 * 12), torch.randint(32, (1, 4, 12)), 2)
    write_config(folder, model.config.to_dict())
    return ExportedModel(model, folder)
