"""Whispers of random weights, exported as optimum does: tiny shapes of the families that differ in their graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from tests.lyra_files import published, write_tiny
from tests.prompted_exports import PromptedExport, orpheus, outetts
from voxduct.onnx.prepare.lyra import prepare_lyra

END, START = 256, 257


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between Whispers of one family and another, in shape."""

    num_mels: int
    encoder_layers: int
    decoder_layers: int
    alignment_heads: list[list[int]] | None


FAMILIES = {
    "tiny.en": Family(80, 2, 2, [[1, 0], [0, 1], [1, 1]]),  # heads out of order on purpose
    "large-v3": Family(128, 2, 2, [[0, 0]]),
    "turbo": Family(128, 3, 4, [[2, 1], [3, 0]]),
    "distil": Family(80, 4, 2, None),  # nobody measured its heads
}


@dataclass(frozen=True, slots=True)
class ExportedWhisper:
    """A model, and the folder with merged and split decoders that optimum made of it."""

    family: Family
    model: WhisperForConditionalGeneration
    folder: Path


class Exports(dict[str, ExportedWhisper]):
    """Exports by family, each made when first asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, name: str) -> ExportedWhisper:
        family = FAMILIES[name]
        self[name] = ExportedWhisper(family, make_model(family), self._root / name)
        export(self[name])
        return self[name]


def make_model(family: Family) -> WhisperForConditionalGeneration:
    torch.manual_seed(5)
    torch.set_num_threads(1)
    config = WhisperConfig(
        vocab_size=263, d_model=32, encoder_layers=family.encoder_layers, decoder_layers=family.decoder_layers,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        num_mel_bins=family.num_mels, max_target_positions=64, pad_token_id=END, bos_token_id=END, eos_token_id=END,
        decoder_start_token_id=START, init_std=0.3, attn_implementation="eager",
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():  # biases are born 0, and what is 0 cannot go missing
        for name, weights in model.named_parameters():
            if name.endswith("bias"):
                weights.normal_(std=0.1)
    model.generation_config.alignment_heads = family.alignment_heads
    return model


def export(whisper: ExportedWhisper) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    folder = whisper.folder
    task = "automatic-speech-recognition-with-past"
    onnx_export_from_model(whisper.model, folder, task=task, do_validation=False)
    (folder / "onnx").mkdir()
    for graph in folder.glob("*.onnx"):
        graph.rename(folder / "onnx" / graph.name)
    whisper.model.config.save_pretrained(folder)
    whisper.model.generation_config.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=whisper.family.num_mels).save_pretrained(folder)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return Exports(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module", params=["tiny", "published"])
def lyra_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Lyra's files: made up and small, or those that were published."""
    return published() if request.param == "published" else write_tiny(tmp_path_factory.mktemp("tiny") / "lyra")


@pytest.fixture(scope="module")
def lyra_folder(lyra_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, converted."""
    return prepare_lyra(lyra_files, tmp_path_factory.mktemp("converted") / "lyra")


@pytest.fixture(scope="session")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PromptedExport]:
    """Codec language models of random weights by family; tests that change a folder take a copy."""
    root = tmp_path_factory.mktemp("prompted")
    return {family.__name__: family(root / family.__name__) for family in (orpheus, outetts)}


@pytest.fixture(scope="session")
def without_cache(tmp_path_factory: pytest.TempPathFactory) -> PromptedExport:
    """The same Orpheus, exported without a cache."""
    return orpheus(tmp_path_factory.mktemp("without") / "cache", task="text-generation")
