"""The recogniser's weights under the names of transformers' Whisper, and the configuration files beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

from voxduct_training.recognizer import Layer, Recognizer, Shape
from voxduct_training.tokenizer import CHARACTERS, SPECIALS

NUM_BEAMS = 8  # letters and words can only choose among what is followed
FIRST_SPECIAL = 706  # id of <|endoftext|>: 256 bytes and 450 merges come before it


def special_id(name: str) -> int:
    """The id of a special token."""
    return FIRST_SPECIAL + SPECIALS.index(name)


def whisper_config(model: Recognizer, chunked: dict[str, float] | None = None) -> WhisperConfig:
    """The configuration of the same network in transformers; `chunked` is what its `streaming` says in addition."""
    shape, end = model.shape, special_id("<|endoftext|>")
    return WhisperConfig(
        vocab_size=shape.vocabulary,
        num_mel_bins=shape.mels,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        encoder_attention_heads=shape.heads,
        encoder_ffn_dim=4 * shape.width,
        decoder_layers=shape.decoder_layers,
        decoder_attention_heads=shape.heads,
        decoder_ffn_dim=4 * shape.width,
        max_source_positions=shape.positions,
        max_target_positions=shape.tokens,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=special_id("<|startoftranscript|>"),
        begin_suppress_tokens=None,
        suppress_tokens=None,
        architectures=["WhisperForConditionalGeneration"],
        ctc_vocabulary=["<blank>", *CHARACTERS],
        gate={"doubtful_focus": 0.21, "min_focus": 0.16, "opening_logprob": -0.8},  # docs/hallucination-gate.md
        streaming={
            "delay_ms": 600,
            "keep_window_s": 2.5,
            "max_window_s": 4.0,  # few training utterances were longer than 6 s; measured, see docs/streaming.md
            "policy": "align_att",
            "timing_heads": [2, 3],  # the first layer's look at the end of the word before: docs/word-times.md
            **(chunked or {}),
        },
        dropout=0.0,
        tie_word_embeddings=True,
    )


def generation_config(model: Recognizer, heads: list[list[int]]) -> GenerationConfig:
    """What `generate` needs to know, in the manner of Whisper's English-only models."""
    end = special_id("<|endoftext|>")
    never = [special_id(s) for s in SPECIALS if s not in ("<|endoftext|>", "<|notimestamps|>")]
    return GenerationConfig(
        alignment_heads=heads,
        begin_suppress_tokens=None,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=special_id("<|startoftranscript|>"),
        forced_decoder_ids=[[1, special_id("<|notimestamps|>")]],
        is_multilingual=False,
        max_initial_timestamp_index=50,
        max_length=model.shape.tokens,
        no_timestamps_token_id=special_id("<|notimestamps|>"),
        num_beams=NUM_BEAMS,
        prev_sot_token_id=special_id("<|startofprev|>"),
        return_timestamps=False,
        suppress_tokens=never,
    )


def _linear(target: dict[str, Tensor], name: str, weight: Tensor, bias: Tensor | None) -> None:
    target[f"{name}.weight"] = weight
    if bias is not None:
        target[f"{name}.bias"] = bias


def _module(target: dict[str, Tensor], name: str, module: nn.Module) -> None:
    for key, value in module.state_dict().items():
        target[f"{name}.{key}"] = value


def _layer(target: dict[str, Tensor], name: str, layer: Layer) -> None:
    (wq, wk, wv), (bq, _, bv) = layer.attention.joint.weight.chunk(3), layer.attention.joint.bias.chunk(3)
    _linear(target, f"{name}.self_attn.q_proj", wq, bq)
    _linear(target, f"{name}.self_attn.k_proj", wk, None)  # the softmax does not see a bias of the keys
    _linear(target, f"{name}.self_attn.v_proj", wv, bv)
    _module(target, f"{name}.self_attn.out_proj", layer.attention.out)
    _module(target, f"{name}.self_attn_layer_norm", layer.norm)
    if layer.cross is not None and layer.cross.query is not None and layer.cross_norm is not None:
        (wk, wv), (_, bv) = layer.cross.joint.weight.chunk(2), layer.cross.joint.bias.chunk(2)
        _module(target, f"{name}.encoder_attn.q_proj", layer.cross.query)
        _linear(target, f"{name}.encoder_attn.k_proj", wk, None)
        _linear(target, f"{name}.encoder_attn.v_proj", wv, bv)
        _module(target, f"{name}.encoder_attn.out_proj", layer.cross.out)
        _module(target, f"{name}.encoder_attn_layer_norm", layer.cross_norm)
    _module(target, f"{name}.final_layer_norm", layer.feed_norm)
    _module(target, f"{name}.fc1", layer.widen)
    _module(target, f"{name}.fc2", layer.narrow)


def to_whisper(model: Recognizer) -> WhisperForConditionalGeneration:
    """The same network as transformers' class, evaluated without dropout."""
    weights: dict[str, Tensor] = {}
    _module(weights, "model.encoder.conv1", model.conv1)
    _module(weights, "model.encoder.conv2", model.conv2)
    weights["model.encoder.embed_positions.weight"] = model.frame_positions  # type: ignore[assignment]
    _module(weights, "model.encoder.layer_norm", model.encoder_norm)
    _module(weights, "model.decoder.layer_norm", model.decoder_norm)
    weights["model.decoder.embed_tokens.weight"] = model.embedding.weight
    weights["model.decoder.embed_positions.weight"] = model.token_positions
    weights["proj_out.weight"] = model.embedding.weight
    for side, layers in (("encoder", model.encoder), ("decoder", model.decoder)):
        for number, layer in enumerate(layers):
            _layer(weights, f"model.{side}.layers.{number}", layer)  # type: ignore[arg-type]
    whisper: Any = WhisperForConditionalGeneration(whisper_config(model))
    whisper.load_state_dict({name: value.detach() for name, value in weights.items()})
    return whisper.eval()  # type: ignore[no-any-return]


def _load_module(module: nn.Module, name: str, source: dict[str, Tensor]) -> None:
    module.load_state_dict({key: source[f"{name}.{key}"] for key in module.state_dict()})


def _load_joint(module: nn.Linear, name: str, parts: str, source: dict[str, Tensor]) -> None:
    """Fuse the projections named by the letters of `parts`; Whisper's keys have no bias."""
    names = [f"{name}.{part}_proj" for part in parts]
    weights = [source[f"{n}.weight"] for n in names]
    biases = [source.get(f"{n}.bias", torch.zeros(len(w))) for n, w in zip(names, weights, strict=True)]
    module.load_state_dict({"weight": torch.cat(weights), "bias": torch.cat(biases)})


def _load_layer(layer: Layer, name: str, source: dict[str, Tensor]) -> None:
    _load_joint(layer.attention.joint, f"{name}.self_attn", "qkv", source)
    _load_module(layer.attention.out, f"{name}.self_attn.out_proj", source)
    _load_module(layer.norm, f"{name}.self_attn_layer_norm", source)
    if layer.cross is not None and layer.cross.query is not None and layer.cross_norm is not None:
        _load_module(layer.cross.query, f"{name}.encoder_attn.q_proj", source)
        _load_joint(layer.cross.joint, f"{name}.encoder_attn", "kv", source)
        _load_module(layer.cross.out, f"{name}.encoder_attn.out_proj", source)
        _load_module(layer.cross_norm, f"{name}.encoder_attn_layer_norm", source)
    _load_module(layer.feed_norm, f"{name}.final_layer_norm", source)
    _load_module(layer.widen, f"{name}.fc1", source)
    _load_module(layer.narrow, f"{name}.fc2", source)


def from_folder(folder: Path) -> Recognizer:
    """The network of an exported model directory (`to_whisper` undone), to train on from it.

    Needs `model.safetensors` and `ctc_heads.safetensors`; both are stored in half precision.
    """
    config = WhisperConfig.from_pretrained(folder)
    source = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    heads = {name: value.float() for name, value in load_file(folder / "ctc_heads.safetensors").items()}
    shape = Shape(config.vocab_size, config.d_model, config.encoder_attention_heads, config.encoder_layers)
    model = Recognizer(shape)
    _load_module(model.conv1, "model.encoder.conv1", source)
    _load_module(model.conv2, "model.encoder.conv2", source)
    _load_module(model.encoder_norm, "model.encoder.layer_norm", source)
    _load_module(model.decoder_norm, "model.decoder.layer_norm", source)
    _load_module(model.embedding, "model.decoder.embed_tokens", source)
    _load_module(model.characters, "characters", heads)
    _load_module(model.middle_characters, "middle_characters", heads)
    with torch.no_grad():
        model.token_positions.copy_(source["model.decoder.embed_positions.weight"])
    for side, layers in (("encoder", model.encoder), ("decoder", model.decoder)):
        for number, layer in enumerate(layers):
            _load_layer(layer, f"model.{side}.layers.{number}", source)  # type: ignore[arg-type]
    return model
