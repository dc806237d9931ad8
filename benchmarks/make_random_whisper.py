"""Makes a Whisper of tiny's shape with random weights, to measure what tiny's streams cost where tiny is not to be had.

    python benchmarks/make_random_whisper.py FOLDER
    voxduct bench load --asr FOLDER/int8 --by-heard

Every window is decoded to the same budget of tokens per second of audio, whatever is said: the decoder's position
embeddings are made of tokens, a random one for each place, and so large that this is the token it says there. It never
says the end, so that decoding stops at the budget alone, which `streaming.tokens_per_s` in config.json sets. Needs the
extra `export`; the tokenizer is the embedded model's, the vocabulary as large as tiny's.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from voxduct.hub import ModelKind
from voxduct.loading import locate
from voxduct.onnx.export import export_whisper
from voxduct.onnx.prepare import Precision, prepare_whisper

VOCABULARY = 51_864  # whisper-tiny.en
FIRST_WORD, LAST_WORD = 300, 700  # tokens of the embedded tokenizer: after the single bytes, before the special ones
BELIEVES_ALL = {
    "least_logprob": -100.0,
    "opening_logprob": -100.0,
    "doubtful_logprob": -100.0,
    "max_silent_attention": 1.0,
    "min_tokens_per_s": 0.0,
}
"""A gate that lets through what no true gate would: a text that is dropped is an update that nobody hears of."""
LOUDNESS = 8.0  # of a place beside the token fed there
SEED = 0


def checkpoint(folder: Path, tokenizer: Path) -> None:
    """Random weights in whisper-tiny.en's shape."""
    torch.manual_seed(SEED)
    config = WhisperConfig(
        vocab_size=VOCABULARY,
        d_model=384,
        encoder_layers=4,
        encoder_attention_heads=6,
        encoder_ffn_dim=1536,
        decoder_layers=4,
        decoder_attention_heads=6,
        decoder_ffn_dim=1536,
    )
    model = WhisperForConditionalGeneration(config)
    decoder = model.model.decoder
    places = decoder.embed_positions.weight
    said = torch.randint(FIRST_WORD, LAST_WORD, (len(places),))
    with torch.no_grad():
        places.copy_(LOUDNESS * decoder.embed_tokens.weight[said])
    model.save_pretrained(folder)
    for path in tokenizer.iterdir():
        if path.is_file() and path.suffix in (".json", ".txt") and path.name not in ("config.json", "manifest.json"):
            shutil.copyfile(path, folder / path.name)


def force(folder: Path, tokens_per_s: float) -> None:
    """Has every window decoded to the same length."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf8"))
    config["streaming"] = {"tokens_per_s": tokens_per_s}
    config["gate"] = BELIEVES_ALL
    path.write_text(json.dumps(config, indent=2), encoding="utf8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens-per-s", type=float, default=4.0)
    options = parser.parse_args()
    made, exported, prepared = (options.folder / name for name in ("checkpoint", "fp32", "int8"))
    made.mkdir(parents=True, exist_ok=True)
    checkpoint(made, locate(None, ModelKind.ASR).folder)
    export_whisper(made, exported)
    prepare_whisper(exported, prepared, precision=Precision.INT8)
    force(prepared, options.tokens_per_s)
    print(prepared)


if __name__ == "__main__":
    main()
