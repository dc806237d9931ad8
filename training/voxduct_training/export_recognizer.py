"""Export a checkpoint as a Whisper model directory: int8 ONNX files, tokenizer, configuration, checksums."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from optimum.onnx.graph_transformations import merge_decoders
from safetensors.torch import save_file
from torch import Tensor
from transformers import WhisperFeatureExtractor

from voxduct_training.onnx_graphs import DecoderGraph, EncoderGraph
from voxduct_training.recognizer import Recognizer, Shape
from voxduct_training.tokenizer import load_tokenizer
from voxduct_training.whisper_weights import generation_config, to_whisper, whisper_config

NAME, VERSION, OPSET = "voxduct-tiny-en", "0.1.0", 17
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "normalizer.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
)
DEFAULT_HEADS = [[0, 0], [0, 1], [1, 0], [1, 1]]  # the guided ones


def load_recognizer(path: Path | None, tokenizer: Path, *, average: bool = True) -> Recognizer:
    """The model of a checkpoint (its running average where there is one), or an untrained one."""
    torch.manual_seed(0)
    if path is None:
        return Recognizer(Shape(load_tokenizer(tokenizer).get_vocab_size())).eval()
    saved = torch.load(path, weights_only=False)
    model = Recognizer(Shape(**saved["shape"]))
    model.load_state_dict(saved["average"] if average and saved["average"] else saved["model"])
    return model.eval()


@torch.no_grad()
def check_against_transformers(model: Recognizer) -> float:
    """The largest difference between our logits and those of transformers' Whisper."""
    features = torch.randn(2, model.shape.mels, 2 * model.shape.positions)
    tokens = torch.randint(0, model.shape.vocabulary, (2, 12))
    ours = model.decode(tokens, model.encode(features)[0])
    theirs = to_whisper(model)(input_features=features, decoder_input_ids=tokens).logits
    difference = (ours - theirs).abs().max().item()
    if difference > 1e-4 * max(1.0, ours.abs().max().item()):
        raise ValueError(f"the exported weights disagree with the trained ones by {difference}")
    return difference


def _past_names(model: Recognizer, prefix: str, sides: tuple[str, ...]) -> list[str]:
    layers = range(model.shape.decoder_layers)
    return [f"{prefix}.{n}.{side}.{part}" for n in layers for side in sides for part in ("key", "value")]


def _decoder_axes(names: list[str], past: str, *, present: bool) -> dict[str, dict[int, str]]:
    length = f"{past} + sequence_length" if present else past
    return {n: {0: "batch_size", 2: "encoder_sequence_length" if ".encoder." in n else length} for n in names}


def export_encoder(model: Recognizer, path: Path) -> None:
    """The encoder with a free time axis."""
    torch.onnx.export(
        EncoderGraph(model),
        (torch.randn(1, model.shape.mels, 400),),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["input_features"],
        output_names=["last_hidden_state", "ctc_logits"],
        dynamic_axes={
            "input_features": {0: "batch_size", 2: "feature_length"},
            "last_hidden_state": {0: "batch_size", 1: "encoder_sequence_length"},
            "ctc_logits": {0: "batch_size", 1: "encoder_sequence_length"},
        },
    )


def export_decoder(model: Recognizer, heads: list[list[int]], path: Path, *, with_past: bool) -> None:
    """One of the two branches of the merged decoder."""
    width, per_head = model.shape.width, model.shape.width // model.shape.heads
    past = _past_names(model, "past_key_values", ("decoder", "encoder"))
    present = _past_names(model, "present", ("decoder",) if with_past else ("decoder", "encoder"))
    tokens = torch.randint(0, 700, (2, 3))
    second: list[Tensor] = (
        [torch.randn(2, model.shape.heads, 5, per_head) for _ in past] if with_past else [torch.randn(2, 9, width)]
    )
    names = past if with_past else ["encoder_hidden_states"]
    length = "past_decoder_sequence_length" if with_past else ""
    axes: dict[str, dict[int, str]] = {
        "input_ids": {0: "batch_size", 1: "decoder_sequence_length"},
        "logits": {0: "batch_size", 1: "decoder_sequence_length"},
        "cross_attentions": {0: "batch_size", 2: "decoder_sequence_length", 3: "encoder_sequence_length"},
    }
    if with_past:
        axes |= _decoder_axes(past, length, present=False) | _decoder_axes(present, length, present=True)
    else:
        axes |= {"encoder_hidden_states": {0: "batch_size", 1: "encoder_sequence_length"}}
        axes |= _decoder_axes(present, "decoder_sequence_length", present=False)
    torch.onnx.export(
        DecoderGraph(model, heads, with_past=with_past),
        (tokens, *second),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["input_ids", *names],
        output_names=["logits", *present, "cross_attentions"],
        dynamic_axes=axes,
    )


def quantise(source: Path, target: Path) -> None:
    """Per-channel int8 weights for matrix products; 7 bits, because AVX2 kernels without VNNI saturate at 8."""
    prepared = source.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared),
        str(target),
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )


def export_graphs(model: Recognizer, heads: list[list[int]], out: Path, *, keep_float: bool) -> None:
    """Write the ONNX files under `out`/onnx."""
    folder = out / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        export_encoder(model, work / "encoder.onnx")
        export_decoder(model, heads, work / "first.onnx", with_past=False)
        export_decoder(model, heads, work / "next.onnx", with_past=True)
        for part in ("encoder", "first", "next"):
            quantise(work / f"{part}.onnx", work / f"{part}_int8.onnx")
        shutil.copy(work / "encoder_int8.onnx", folder / "encoder_model_int8.onnx")
        _merge(work / "first_int8.onnx", work / "next_int8.onnx", folder / "decoder_model_merged_int8.onnx")
        if keep_float:
            shutil.copy(work / "encoder.onnx", folder / "encoder_model.onnx")
            _merge(work / "first.onnx", work / "next.onnx", folder / "decoder_model_merged.onnx")


def _merge(first: Path, following: Path, target: Path) -> None:
    merge_decoders(onnx.load(first), onnx.load(following), save_path=str(target), strict=False)


def write_configuration(model: Recognizer, heads: list[list[int]], tokenizer: Path, out: Path) -> None:
    """Tokenizer, configuration, generation defaults and feature extraction."""
    for name in TOKENIZER_FILES:
        if (tokenizer / name).resolve() != (out / name).resolve():
            shutil.copy(tokenizer / name, out / name)
    whisper_config(model).save_pretrained(out)
    generation_config(model, heads).save_pretrained(out)
    WhisperFeatureExtractor(feature_size=model.shape.mels).save_pretrained(out)
    extra = json.loads((out / "preprocessor_config.json").read_text())
    extra.pop("mel_filters", None)
    extra["processor_class"] = "WhisperProcessor"
    (out / "preprocessor_config.json").write_text(json.dumps(extra, indent=2) + "\n")


def write_weights(model: Recognizer, out: Path) -> None:
    """model.safetensors and ctc_heads.safetensors in half precision: for transformers, and to train on from."""
    to_whisper(model).half().save_pretrained(out, safe_serialization=True)
    heads = {n: v.half().contiguous() for n, v in model.state_dict().items() if "characters" in n}
    save_file(heads, out / "ctc_heads.safetensors")
    for name in ("model", "ctc_heads"):
        (out / f"{name}.safetensors").chmod(0o644)


def write_manifest(out: Path) -> None:
    """manifest.json with the checksum of every file of the directory but its card."""
    paths = sorted(p for p in out.rglob("*") if p.is_file() and p.name not in ("manifest.json", "README.md"))
    files = {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    manifest = {"name": NAME, "kind": "asr", "version": VERSION, "license": "Apache-2.0", "files": files}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="without it, an untrained model is exported")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--heads", type=json.loads, default=DEFAULT_HEADS, help="alignment heads, e.g. [[1,0],[1,3]]")
    parser.add_argument("--newest", action="store_true", help="export the newest weights, not their running average")
    parser.add_argument("--float", action="store_true", help="also write the unquantised files")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = load_recognizer(options.checkpoint, options.tokenizer, average=not options.newest)
    print(f"difference to transformers: {check_against_transformers(model):.1e}")
    write_weights(model, options.out)
    write_configuration(model, options.heads, options.tokenizer, options.out)
    export_graphs(model, options.heads, options.out, keep_float=options.float)
    write_manifest(options.out)


if __name__ == "__main__":
    main()
