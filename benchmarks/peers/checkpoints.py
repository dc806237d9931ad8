"""Makes what the engines load: the same weights as a checkpoint, as our prepared int8 graphs and for CTranslate2.

    python -m benchmarks.peers.checkpoints SIZE FOLDER

tiny, base and small have the shapes of the published models and random weights. The rows of the special tokens in the
table of tokens are small, so that text wins every comparison and no engine ends before its budget. `embedded` is
`models_onnx/voxduct-tiny-en` as it is. The last line of stdout is a JSON object of folders; what is there is kept.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import vocabulary
from voxduct.onnx.export import export_whisper
from voxduct.onnx.prepare import Precision, prepare_whisper

EMBEDDED = Path(__file__).resolve().parents[2] / "models_onnx" / "voxduct-tiny-en"
COPIED = ("tokenizer.json", "preprocessor_config.json")  # that faster-whisper wants beside CTranslate2's files
SPECIAL_SCALE = 0.01  # of the special tokens' rows


@dataclass(frozen=True, slots=True)
class Shape:
    """What tells one size from another."""

    width: int
    layers: int
    heads: int


SHAPES = {"tiny": Shape(384, 4, 6), "base": Shape(512, 6, 8), "small": Shape(768, 12, 12)}


def make_checkpoint(shape: Shape, folder: Path) -> None:
    """Random weights in the published shape, with tokenizer and configuration."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    torch.manual_seed(0)
    languages = list(LANGUAGES)[:99]
    names = vocabulary.specials(languages)
    ids = {name: vocabulary.TEXT + i for i, name in enumerate(names)}
    end = ids["<|endoftext|>"]
    config = WhisperConfig(
        vocab_size=vocabulary.SIZE, d_model=shape.width, encoder_layers=shape.layers, decoder_layers=shape.layers,
        encoder_attention_heads=shape.heads, decoder_attention_heads=shape.heads, encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width, pad_token_id=end, bos_token_id=end, eos_token_id=end,
        decoder_start_token_id=ids["<|startoftranscript|>"], suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight[vocabulary.TEXT :] *= SPECIAL_SCALE
    generation = model.generation_config
    generation._from_model_config = False  # else whoever loads it makes it anew, and loses what follows
    generation.suppress_tokens, generation.begin_suppress_tokens = [], []
    generation.no_timestamps_token_id = ids["<|notimestamps|>"]
    generation.prev_sot_token_id = ids["<|startofprev|>"]
    generation.max_length = config.max_target_positions
    generation.is_multilingual = True
    generation.alignment_heads = [[layer, layer % shape.heads] for layer in range(shape.layers // 2, shape.layers)]
    generation.lang_to_id = {f"<|{code}|>": ids[f"<|{code}|>"] for code in languages}
    generation.task_to_id = {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")}
    model.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    vocabulary.save(folder, languages)


def convert(checkpoint: Path, folder: Path) -> None:
    """The checkpoint for CTranslate2, its weights in int8."""
    from ctranslate2.converters import TransformersConverter

    copied = [name for name in COPIED if (checkpoint / name).is_file()]
    TransformersConverter(str(checkpoint), copy_files=copied).convert(str(folder), quantization="int8")


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder as `make` fills it; made aside and renamed, so that what is there is whole."""
    if not folder.is_dir():
        aside = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        print(f"making {folder}", file=sys.stderr)
        make(aside)
        aside.rename(folder)
    return folder


def make_all(size: str, folder: Path) -> dict[str, str]:
    """Folders by what they are for: `checkpoint`, `voxduct`, `ctranslate2`."""
    place = folder / size
    if size == "embedded":
        checkpoint = ours = EMBEDDED
    else:
        checkpoint = kept(place / "checkpoint", lambda aside: make_checkpoint(SHAPES[size], aside))
        export = kept(place / "export", lambda aside: export_whisper(checkpoint, aside))
        ours = prepare_whisper(export, place / "voxduct", precision=Precision.INT8)
    ctranslate2 = kept(place / "ctranslate2", lambda aside: convert(checkpoint, aside))
    return {"checkpoint": str(checkpoint), "voxduct": str(ours), "ctranslate2": str(ctranslate2)}


if __name__ == "__main__":
    print(json.dumps(make_all(sys.argv[1], Path(sys.argv[2]))))
