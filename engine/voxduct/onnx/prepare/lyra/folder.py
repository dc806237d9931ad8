"""From a folder with Lyra's files to a folder with graphs, through the cache of prepared folders."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from voxduct.errors import ModelError
from voxduct.onnx.lyra.layout import CODEBOOKS, CONFIG, DECODER, ENCODER, GRAPHS
from voxduct.onnx.prepare.cache import Recipe, Record, is_current, make_recipe, replace
from voxduct.onnx.prepare.lyra.codebooks import read_codebooks
from voxduct.onnx.prepare.lyra.stateful import OUT, convert_stateful
from voxduct.onnx.prepare.report import Step
from voxduct.onnx.tflite import read_tflite

ENCODER_FILE, QUANTIZER_FILE, DECODER_FILE = "soundstream_encoder.tflite", "quantizer.tflite", "lyragan.tflite"
LICENSE_FILE = "LICENSE"
PRECISION = "fp32"
REVISION = 4
"""Raised whenever the same files would make another folder."""


def convert(source: Path, target: Path) -> Path:
    """`voxduct.onnx.prepare.lyra.prepare_lyra` where onnx is installed."""
    files = [source / name for name in (ENCODER_FILE, QUANTIZER_FILE, DECODER_FILE)]
    if missing := [path.name for path in files if not path.is_file()]:
        raise ModelError(f"{source} lacks {', '.join(missing)}; `voxduct models pull lyra-soundstream` fetches them")
    recipe = make_recipe(source, files, PRECISION, REVISION)
    if not is_current(target, recipe):
        replace(target, recipe, partial(_write, source, recipe))
    return target


def _write(source: Path, recipe: Recipe, folder: Path) -> Record:
    books = read_codebooks(read_tflite(source / QUANTIZER_FILE), source / QUANTIZER_FILE)
    graphs = {
        ENCODER: _stateful(source / ENCODER_FILE, "audio", "features"),
        DECODER: _stateful(source / DECODER_FILE, "features", "audio"),
    }
    (folder / GRAPHS).mkdir()
    for name, graph in graphs.items():
        onnx.save(graph, str(folder / GRAPHS / name))
    np.save(folder / CODEBOOKS, books)
    config = {**CONFIG, "num_codebooks": books.shape[0], "cardinality": books.shape[1]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if (source / LICENSE_FILE).is_file():
        shutil.copyfile(source / LICENSE_FILE, folder / LICENSE_FILE)
    return Record(recipe, [_step(name, graph) for name, graph in graphs.items()], {})


def _stateful(path: Path, given: str, wanted: str) -> onnx.ModelProto:
    return convert_stateful(read_tflite(path), path, given, wanted)


def _step(name: str, graph: onnx.ModelProto) -> Step:
    states = sum(output.name.startswith(OUT) for output in graph.graph.output)
    return Step(name, "convert", True, f"{len(graph.graph.node)} nodes, {states} states")
