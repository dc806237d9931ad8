"""ONNX graphs from a Whisper checkpoint of safetensors, in the layout of whisper_layout.

optimum traces the checkpoint with PyTorch; both are in the extra `export` and nowhere else. Everything stays on this
machine: nothing is asked of a hub.
"""

from __future__ import annotations

import importlib
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from voxduct.errors import ExtraError, ModelError, UnknownModelError
from voxduct.onnx.whisper_files import read_json

TOKENIZER = "tokenizer.json"
TASK = "automatic-speech-recognition-with-past"
EXPORTS = ("fp32", "fp16", "int8")


def export_whisper(checkpoint: Path, to: Path) -> None:
    """Writes 32-bit graphs, tokenizer and configuration to the folder `to`, which must be empty or absent.

    The decoder is there both ways, merged and split. Minutes for a large checkpoint, and about three times its size
    in memory.

    Raises:
        ExtraError: the extra `export` is not installed.
        ModelError: the folder holds no Whisper checkpoint, or it cannot be traced.
    """
    _check(checkpoint)
    exporters = _load("optimum.exporters.onnx")
    try:
        with _quiet():
            exporters.main_export(str(checkpoint), output=to, task=TASK, do_validation=False, local_files_only=True)
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{checkpoint} cannot be exported: {reason}; check the folder") from error
    graphs = to / "onnx"
    graphs.mkdir()
    for path in (*to.glob("*.onnx"), *to.glob("*.onnx_data*")):
        path.rename(graphs / path.name)
    if (checkpoint / TOKENIZER).is_file():
        shutil.copyfile(checkpoint / TOKENIZER, to / TOKENIZER)  # as it was trained with, not as it is written again


def convert_whisper(folder: Path, precision: str) -> None:
    """Adds graphs of another precision to those that `export_whisper` wrote; `fp32` adds none.

    `int8` is dynamic, per output channel. `fp16` keeps 32-bit inputs and outputs, and has its decoder split: a merged
    one does not survive the conversion.

    Raises:
        ExtraError: the extra `export` is not installed.
        UnknownModelError: no such precision.
    """
    with _quiet():
        match precision:
            case "fp32":
                pass
            case "int8":
                for stem in ("encoder_model", "decoder_model_merged"):
                    _quantize(folder / "onnx" / f"{stem}.onnx")
            case "fp16":
                for stem in ("encoder_model", "decoder_model", "decoder_with_past_model"):
                    _halve(folder / "onnx" / f"{stem}.onnx")
            case _:
                raise UnknownModelError(f"{precision!r} cannot be exported; choose of {', '.join(EXPORTS)}")


def _check(checkpoint: Path) -> None:
    config = read_json(checkpoint / "config.json")
    if config.get("model_type") != "whisper":
        raise ModelError(f"{checkpoint} holds no Whisper checkpoint: its config.json is missing or of another model")
    if not any(checkpoint.glob("*.safetensors")):
        raise ModelError(f"{checkpoint} holds no weights in safetensors; save the model again in that form")


@contextmanager
def _quiet() -> Iterator[None]:
    """Holds back what tracing says of itself: every line of it is about the libraries, none about the model."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _quantize(graph: Path) -> None:
    quantization = _load("onnxruntime.quantization")
    quantization.quantize_dynamic(
        graph,
        graph.with_stem(f"{graph.stem}_int8"),
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
    )


def _halve(graph: Path) -> None:
    onnx, float16 = _load("onnx"), _load("onnxruntime.transformers.float16")
    model = float16.convert_float_to_float16(onnx.load(graph), keep_io_types=True)
    onnx.save(model, graph.with_stem(f"{graph.stem}_fp16"))


def _load(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraError("exporting needs PyTorch and optimum: pip install 'voxduct[export]'") from error
