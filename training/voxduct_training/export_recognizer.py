"""Export a checkpoint as a Whisper model directory: int8 ONNX files, tokenizer, configuration, checksums."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from safetensors.torch import save_file
from torch import nn
from transformers import WhisperFeatureExtractor

from voxduct.onnx.export import export_whisper
from voxduct.onnx.prepare import Precision, prepare_whisper
from voxduct_training.manifest import write_manifest
from voxduct_training.recognizer import Recognizer, Shape
from voxduct_training.shipped_weights import read_weights
from voxduct_training.tokenizer import load_tokenizer
from voxduct_training.vocabulary import write_shipped
from voxduct_training.whisper_weights import generation_config, to_whisper, whisper_config

NAME, VERSION = "voxduct-tiny-en", "0.1.0"
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "normalizer.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
)
CHUNKED_WINDOW_S = 8.0
DEFAULT_HEADS = [[0, 0], [0, 1], [1, 0], [1, 1]]  # the guided ones


@dataclass(frozen=True)
class Traits:
    """What an exported model says of itself that is not seen in its weights."""

    heads: list[list[int]] = field(default_factory=lambda: DEFAULT_HEADS)
    """Alignment heads as [layer, head]."""
    left_frames: int | None = None
    """How far back its encoder looks when it hears chunk by chunk; None: it is given whole windows."""
    lookahead_ms: int = 0
    """How much of a chunk's end is then heard again with the next one."""

    @property
    def chunked(self) -> dict[str, float]:
        """What `streaming` in config.json says of that. Longer windows cost such a model no more encoding."""
        if self.left_frames is None:
            return {}
        told = {"left_frames": self.left_frames, "lookahead_ms": self.lookahead_ms}
        return {**told, "max_window_s": CHUNKED_WINDOW_S, "keep_window_s": CHUNKED_WINDOW_S / 2}


def load_recognizer(path: Path | None, tokenizer: Path, *, average: bool = True) -> Recognizer:
    """The model of a checkpoint (its running average where there is one), or an untrained one."""
    torch.manual_seed(0)
    if path is None:
        return Recognizer(Shape(load_tokenizer(tokenizer).get_vocab_size())).eval()
    saved = torch.load(path, map_location="cpu", weights_only=False)
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


def export_graphs(model: Recognizer, traits: Traits, tokenizer: Path, out: Path) -> None:
    """Write a folder with exact graphs as `voxduct models export` makes them, and the CTC head's output."""
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name) / "checkpoint"
        to_whisper(model).save_pretrained(checkpoint, safe_serialization=True)
        write_configuration(model, traits, tokenizer, checkpoint)
        export_whisper(checkpoint, out)
    encoder = onnx.load(out / "onnx" / "encoder_model.onnx")
    add_characters(encoder, model.characters)
    onnx.save(encoder, out / "onnx" / "encoder_model.onnx")


def add_characters(encoder: onnx.ModelProto, characters: nn.Linear) -> None:
    """Give an encoder the output `ctc_logits` [batch, frames, classes], in place."""
    weight, bias = (value.detach().float().numpy() for value in (characters.weight.T, characters.bias))
    encoder.graph.initializer.extend(
        [
            numpy_helper.from_array(np.ascontiguousarray(weight), "ctc.weight"),
            numpy_helper.from_array(bias, "ctc.bias"),
        ]
    )
    encoder.graph.node.extend(
        [
            helper.make_node("MatMul", ["last_hidden_state", "ctc.weight"], ["ctc.product"], "ctc/MatMul"),
            helper.make_node("Add", ["ctc.product", "ctc.bias"], ["ctc_logits"], "ctc/Add"),
        ]
    )
    axes = ["batch_size", "frames", len(bias)]
    encoder.graph.output.append(helper.make_tensor_value_info("ctc_logits", onnx.TensorProto.FLOAT, axes))


def prepare_graphs(model: Recognizer, traits: Traits, tokenizer: Path, out: Path) -> None:
    """Write the int8 graphs that are shipped under `out`/onnx, as `voxduct models prepare` makes them."""
    with tempfile.TemporaryDirectory() as name:
        exact, prepared = Path(name) / "exact", Path(name) / "prepared"
        export_graphs(model, traits, tokenizer, exact)
        prepare_whisper(exact, prepared, precision=Precision.INT8)
        shutil.rmtree(out / "onnx", ignore_errors=True)
        shutil.copytree(prepared / "onnx", out / "onnx")


def write_configuration(model: Recognizer, traits: Traits, tokenizer: Path, out: Path) -> None:
    """Tokenizer, configuration, generation defaults and feature extraction."""
    for name in TOKENIZER_FILES:
        if (tokenizer / name).resolve() != (out / name).resolve():
            shutil.copy(tokenizer / name, out / name)
    whisper_config(model, traits.chunked).save_pretrained(out)
    generation_config(model, traits.heads).save_pretrained(out)
    WhisperFeatureExtractor(feature_size=model.shape.mels).save_pretrained(out)
    extra = json.loads((out / "preprocessor_config.json").read_text())
    extra.pop("mel_filters", None)
    extra["processor_class"] = "WhisperProcessor"
    (out / "preprocessor_config.json").write_text(json.dumps(extra, indent=2) + "\n")


def write_weights(model: Recognizer, out: Path) -> None:
    """model.safetensors in half precision, under transformers' names, and the CTC heads beside it."""
    to_whisper(model).half().save_pretrained(out, safe_serialization=True)
    (out / "model.safetensors").chmod(0o644)
    write_heads(model, out)


def write_heads(model: Recognizer, out: Path) -> None:
    """ctc_heads.safetensors: both CTC heads in half precision, of which the graphs hold one."""
    heads = {n: v.half().contiguous() for n, v in model.state_dict().items() if "characters" in n}
    save_file(heads, out / "ctc_heads.safetensors")
    (out / "ctc_heads.safetensors").chmod(0o644)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="without it, an untrained model is exported")
    parser.add_argument("--weights", type=Path, help="an exported model, `out` itself or another: make its graphs anew")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--heads", type=json.loads, default=DEFAULT_HEADS, help="alignment heads, e.g. [[1,0],[1,3]]")
    parser.add_argument("--newest", action="store_true", help="export the newest weights, not their running average")
    parser.add_argument(
        "--no-graphs", action="store_true", help="weights only, where optimum is missing; `--weights` adds the graphs"
    )
    parser.add_argument(
        "--left-frames",
        type=int,
        help="let the engine hear it chunk by chunk, looking back so far; only if its figures so are nearly the same",
    )
    parser.add_argument("--lookahead-ms", type=int, default=0, help="of which so much is encoded again with the next")
    options = parser.parse_args()
    traits = Traits(options.heads, options.left_frames, options.lookahead_ms)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.weights:
        model = read_weights(options.weights)
    else:
        model = load_recognizer(options.checkpoint, options.tokenizer, average=not options.newest)
    print(f"difference to transformers: {check_against_transformers(model):.1e}")
    if options.weights != options.out:
        write_configuration(model, traits, options.tokenizer, options.out)
    if options.no_graphs:
        write_weights(model, options.out)
    else:  # which hold the weights, in a third of the bytes
        write_heads(model, options.out)
        prepare_graphs(model, traits, options.tokenizer, options.out)
        (options.out / "model.safetensors").unlink(missing_ok=True)
        write_shipped(options.out)
    write_manifest(options.out, NAME, "asr", VERSION)


if __name__ == "__main__":
    main()
