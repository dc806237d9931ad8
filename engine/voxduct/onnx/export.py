"""ONNX graphs from a Whisper checkpoint of safetensors, in the layout of whisper_layout.

optimum traces the checkpoint with PyTorch; both are in the extra `export` and nowhere else. Everything stays on this
machine: nothing is asked of a hub.
"""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from types import ModuleType

from voxduct.errors import ExtraError, ModelError, UnknownModelError
from voxduct.onnx.whisper_files import read_json

TASK = "automatic-speech-recognition-with-past"
EXPORTS = ("fp32", "fp16", "int8")


def export_whisper(checkpoint: Path, to: Path, precision: str) -> None:
    """Writes graphs of one precision, tokenizer and configuration to the folder `to`, which must be empty or absent.

    `int8` is dynamic, per output channel; `fp16` keeps 32-bit inputs and outputs. Minutes for a large checkpoint, and
    about three times its size in memory.

    Raises:
        ExtraError: the extra `export` is not installed.
        ModelError: the folder holds no Whisper checkpoint, or it cannot be traced.
        UnknownModelError: no such precision.
    """
    if precision not in EXPORTS:
        raise UnknownModelError(f"{precision!r} is no precision to export; choose of {', '.join(EXPORTS)}")
    _check(checkpoint)
    exporters = _load("optimum.exporters.onnx")
    logging.getLogger("optimum").setLevel(logging.ERROR)
    try:
        exporters.main_export(str(checkpoint), output=to, task=TASK, do_validation=False, local_files_only=True)
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        raise ModelError(f"{checkpoint} cannot be exported: {str(error).splitlines()[0]}; check the folder") from error
    graphs = to / "onnx"
    graphs.mkdir()
    for path in (*to.glob("*.onnx"), *to.glob("*.onnx_data*")):
        path.rename(graphs / path.name)
    for stem in ("encoder_model", "decoder_model_merged"):
        _convert(graphs / f"{stem}.onnx", precision)


def _check(checkpoint: Path) -> None:
    config = read_json(checkpoint / "config.json")
    if config.get("model_type") != "whisper":
        raise ModelError(f"{checkpoint} holds no Whisper checkpoint: its config.json is missing or of another model")
    if not any(checkpoint.glob("*.safetensors")):
        raise ModelError(f"{checkpoint} holds no weights in safetensors; save the model again in that form")


def _convert(graph: Path, precision: str) -> None:
    match precision:
        case "int8":
            _quantize(graph)
        case "fp16":
            _halve(graph)
        case _:
            return
    for path in graph.parent.glob(f"{graph.name}*"):
        path.unlink()


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
