"""Codecs of a node or two, written without torch: for what goes round a codec, and for what can be wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

from onnx import TensorProto, helper, save

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
Shape = list[int | str]
DAC = {"model_type": "dac", "sampling_rate": 8000, "downsampling_ratios": [2, 5], "codebook_size": 16}


def write_config(folder: Path, content: object, name: str = "config.json") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def write_codec(folder: Path) -> Path:
    """A whole codec of one book and ten samples a frame."""
    write_config(folder, DAC)
    write_encoder(folder)
    write_decoder(folder)
    return folder


def value(name: str, kind: int, shape: Shape | None) -> object:
    return helper.make_tensor_value_info(name, kind, shape)


def write_graph(path: Path, inputs: list[object], outputs: list[object], nodes: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(nodes, "graph", inputs, outputs)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def cast(source: str, to: str, kind: int) -> object:
    return helper.make_node("Cast", [source], [to], to=kind)


def write_encoder(folder: Path, sound: Shape | None = None, codes: Shape | None = None, kind: int = FLOAT) -> None:
    """The mean of ten samples as a code of one book."""
    pool = helper.make_node("AveragePool", ["wide"], ["means"], kernel_shape=[10], strides=[10])
    inputs = [value("sound", kind, sound or [1, 1, "n"])]
    outputs = [value("found", INT, [1, 1, "m"] if codes is None else codes)]
    nodes = [cast("sound", "wide", FLOAT), pool, cast("means", "found", INT)]
    write_graph(folder / "onnx/encoder_model.onnx", inputs, outputs, nodes)


def write_decoder(folder: Path, codes: Shape | None = None, extra: list[object] | None = None) -> None:
    """Each code as ten samples."""
    factors = helper.make_tensor("factors", FLOAT, [3], [1, 1, 10])
    nodes = [
        cast("codes", "steps", FLOAT),
        helper.make_node("Constant", [], ["factors"], value=factors),
        helper.make_node("Resize", ["steps", "", "factors"], ["sound"], mode="nearest"),
    ]
    inputs = [value("codes", INT, codes or [1, 1, "m"]), *(extra or [])]
    write_graph(folder / "onnx/decoder_model.onnx", inputs, [value("sound", FLOAT, [1, 1, "n"])], nodes)
