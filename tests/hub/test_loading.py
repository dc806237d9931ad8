"""Whispers of random weights, exported here, served by a hub in every layout, and loaded by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import soundfile
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from tests.hub.hub_server import Hub, Repository, serving
from tests.hub.room import choose_hub
from tests.tiny_tokenizer import save_tokenizer
from voxduct.cli import main
from voxduct.hub.catalogue import ModelKind
from voxduct.loading import Device, EngineOptions, load_engine, locate
from voxduct.offline import hear_text
from voxduct.onnx.export import convert_whisper, export_whisper

TOP = Path(__file__).parents[2]
CLIP = TOP / "benchmarks" / "data" / "demo" / "demo-00.opus"
END, START = 256, 257
ENCODER, MERGED, FIRST, NEXT = "encoder_model", "decoder_model_merged", "decoder_model", "decoder_with_past_model"


def save_checkpoint(folder: Path) -> None:
    torch.manual_seed(3)
    config = WhisperConfig(
        vocab_size=263, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=80, max_target_positions=64,
        pad_token_id=END, bos_token_id=END, eos_token_id=END, decoder_start_token_id=START, init_std=0.3,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    model.generation_config.suppress_tokens = list(range(START, 263))
    model.generation_config.max_length = 16
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    save_tokenizer(folder)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both decoders in fp32, the merged one in int8, the split one in fp16."""
    folder = tmp_path_factory.mktemp("exported") / "whisper"
    export_whisper(checkpoint, folder)
    for precision in ("int8", "fp16"):
        convert_whisper(folder, precision)
    return folder


def repository(exported: Path, graphs: dict[str, str]) -> Repository:
    """A repository with graphs named as a hub's are; `graphs` gives the name here of each name there."""
    beside = {path.name: path.read_bytes() for path in exported.glob("*.json")}
    return Repository(
        beside
        | {f"onnx/{there}.onnx": (exported / "onnx" / f"{here}.onnx").read_bytes() for there, here in graphs.items()}
    )


def with_weights_beside(exported: Path, room: Path) -> Repository:
    """The merged layout as it is for large models: the encoder's weights in a file of their own."""
    made = repository(exported, {MERGED: MERGED})
    model = onnx.load(exported / "onnx" / f"{ENCODER}.onnx")
    onnx.save(model, room / "e.onnx", save_as_external_data=True, location=f"{ENCODER}.onnx_data", size_threshold=0)
    made.files[f"onnx/{ENCODER}.onnx"] = (room / "e.onnx").read_bytes()
    made.files[f"onnx/{ENCODER}.onnx_data"] = (room / f"{ENCODER}.onnx_data").read_bytes()
    return made


@pytest.fixture(scope="module")
def hub(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    names = {
        "merged": {ENCODER: ENCODER, MERGED: MERGED},
        "split": {ENCODER: ENCODER, FIRST: FIRST, NEXT: NEXT},
        "quantized": {f"{ENCODER}_quantized": f"{ENCODER}_int8", f"{MERGED}_quantized": f"{MERGED}_int8"},
        "mixed": {ENCODER: ENCODER, f"{MERGED}_int8": f"{MERGED}_int8"},
        "half": {f"{stem}_fp16": f"{stem}_fp16" for stem in (ENCODER, FIRST, NEXT)},
    }
    repositories = {f"tiny/{layout}": repository(exported, graphs) for layout, graphs in names.items()}
    repositories["tiny/beside"] = with_weights_beside(exported, tmp_path_factory.mktemp("beside"))
    with serving(repositories) as hub:
        yield hub


@pytest.fixture
def cache(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    choose_hub(monkeypatch, hub.address, tmp_path / "cache")
    return tmp_path / "cache"


def clip() -> np.ndarray:
    samples, rate = soundfile.read(CLIP, dtype="float32")
    return np.ascontiguousarray(samples[:: rate // 16_000][:24_000])


@pytest.mark.parametrize("layout", ["merged", "split", "quantized", "mixed", "half", "beside"])
def test_recogniser_of_any_layout_is_pulled_loaded_and_run(cache: Path, layout: str) -> None:
    hear_text(load_engine(EngineOptions(asr=f"tiny/{layout}"), speaks=False), clip())


def test_recogniser_pulled_once_is_loaded_without_asking_the_hub(cache: Path, hub: Hub) -> None:
    options = EngineOptions(asr="tiny/quantized")
    load_engine(options, speaks=False)
    hub.requests.clear()
    load_engine(options, speaks=False)
    assert hub.requests == []


def test_cuda_takes_half_precision_unless_told_otherwise(cache: Path) -> None:
    assert locate("tiny/half", ModelKind.ASR, Device.CUDA).precision == "fp16"
    assert locate("tiny/merged:fp32", ModelKind.ASR, Device.CUDA).precision == "fp32"


def test_exported_graphs_of_other_precisions_say_nearly_the_same(exported: Path) -> None:
    features = np.random.default_rng(0).standard_normal((1, 80, 3_000), np.float32)
    hidden = {
        suffix: ort.InferenceSession(exported / "onnx" / f"{ENCODER}{suffix}.onnx").run(
            None, {"input_features": features}
        )[0]
        for suffix in ("", "_int8", "_fp16")
    }
    assert hidden["_fp16"].dtype == np.float32
    assert np.abs(hidden["_fp16"] - hidden[""]).max() < 0.02
    assert 0 < np.abs(hidden["_int8"] - hidden[""]).mean() < 0.1


def test_export_makes_a_whole_model_in_one_line(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "whisper"
    assert main(["models", "export", str(checkpoint), str(out), "--precision", "int8"]) == 0
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == (f"{out}\n", "")
    assert main(["models", "verify", str(out)]) == 0
    assert sorted(path.name for path in (out / "onnx").iterdir()) == [f"{MERGED}_int8.onnx", f"{ENCODER}_int8.onnx"]
    assert [path.name for path in out.parent.iterdir()] == ["whisper"]
    load_engine(EngineOptions(asr=str(out)), speaks=False)
