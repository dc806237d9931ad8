"""Orpheus and OuteTTS of random weights: Llama and Qwen2 of two layers, exported by optimum, with a codec's stand-in.

Vocabularies are bytes and the families' own tokens, in the forms that are published but of fewer codes.
"""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from tests import codec_stand_ins
from tests.codec_exports import write_config
from tests.prompted_tokens import CODES, ORPHEUS_SPECIALS, OUTE_SPECIALS, make_tokenizer

CONTEXT = 2048
assert CODES == codec_stand_ins.LEVELS


@dataclass(frozen=True, slots=True)
class PromptedExport:
    """A model in transformers, and the folder that holds its export, its tokenizer and its codec."""

    model: PreTrainedModel
    folder: Path


def _small(vocabulary: int) -> dict[str, object]:
    return {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT,
        "initializer_range": 0.3, "attn_implementation": "eager", "tie_word_embeddings": False,
        "bos_token_id": None, "eos_token_id": None, "pad_token_id": 0,
    }  # fmt: skip


def _make_likelier(model: PreTrainedModel, token: int) -> None:
    """So that speech of random weights ends after some ten frames, and not when it must."""
    with torch.no_grad():
        model.lm_head.weight[token] *= 2


def _export(model: PreTrainedModel, folder: Path, task: str) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace warns of every branch; what it makes is compared with the model
        onnx_export_from_model(model, folder, task=task, do_validation=False)
    (folder / "onnx").mkdir()
    for graph in folder.glob("*.onnx*"):
        graph.rename(folder / "onnx" / graph.name)
    model.config.save_pretrained(folder)


def orpheus(folder: Path, task: str = "text-generation-with-past") -> PromptedExport:
    torch.manual_seed(21)
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(ORPHEUS_SPECIALS, "<|begin_of_text|>")
    model = LlamaForCausalLM(LlamaConfig(**_small(tokenizer.get_vocab_size()))).eval()
    _make_likelier(model, tokenizer.token_to_id("<custom_token_2>"))
    _export(model, folder, task)
    tokenizer.save(str(folder / "tokenizer.json"))
    codec_stand_ins.snac(folder / "codec")
    return PromptedExport(model, folder)


def outetts(folder: Path) -> PromptedExport:
    torch.manual_seed(22)
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(OUTE_SPECIALS)
    model = Qwen2ForCausalLM(Qwen2Config(**_small(tokenizer.get_vocab_size()))).eval()
    _make_likelier(model, tokenizer.token_to_id("<|code_end|>"))
    _export(model, folder, "text-generation-with-past")
    tokenizer.save(str(folder / "tokenizer.json"))
    codec_stand_ins.wavtokenizer(folder / "codec")
    write_speaker(folder)
    return PromptedExport(model, folder)


def write_speaker(folder: Path, name: str = "ada", **changes: object) -> None:
    words = [
        {"word": "good", "duration": 0.24, "codes": list(range(18))},
        {"word": "day", "duration": 0.2, "codes": list(range(20, 35))},
    ]
    (folder / "speakers").mkdir(exist_ok=True)
    content = {"text": "Good day.", "words": words, "language": "en", **changes}
    write_config(folder / "speakers", content, f"{name}.json")


def copy(export: PromptedExport, folder: Path) -> Path:
    """The folder anew, for tests that change it."""
    return Path(shutil.copytree(export.folder, folder))
