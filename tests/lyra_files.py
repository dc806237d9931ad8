"""Lyra's files for tests: the published ones where they are on this machine, and tiny ones of random weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.onnx.tflite_writer import FileWriter, GraphWriter
from voxduct.onnx.tflite import Op

CHECKOUT = Path(__file__).parents[1]
NAMES = ("soundstream_encoder.tflite", "quantizer.tflite", "lyragan.tflite")
CLIP = "sample1_16kHz.wav"
FRAME, FEATURES, QUANTIZERS, ENTRIES = 320, 64, 46, 16
WIDTH, PARTS = 8, 2
KEEP_CHANNELS = {"begin_mask": 0b1101, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}


def data_folder() -> Path:
    """VOXDUCT_DATA, or shared/data beside the checkout; beside the main one where this is a worktree of it."""
    if named := os.environ.get("VOXDUCT_DATA"):
        return Path(named)
    checkout, link = CHECKOUT, CHECKOUT / ".git"
    if link.is_file():  # gitdir: <main>/.git/worktrees/<name>
        checkout = Path(link.read_text(encoding="utf-8").split(":", 1)[1].strip()).parents[2]
    return checkout.parent / "shared" / "data"


def published() -> Path:
    """The folder with the published files; skips the test where they are not."""
    folder = data_folder() / "lyra"
    if missing := [name for name in (*NAMES, CLIP) if not (folder / name).is_file()]:
        pytest.skip(f"Lyra's published files are not here: {folder} lacks {', '.join(missing)}; set VOXDUCT_DATA")
    return folder


def write_tiny(folder: Path, seed: int = 0, start: float = 0.0) -> Path:
    """A codec of Lyra's shape outside and few layers inside, of every kind that Lyra has."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    _encoder(random, start).save(folder / NAMES[0])
    _quantizer(random).save(folder / NAMES[1])
    _decoder(random).save(folder / NAMES[2])
    (folder / "LICENSE").write_text("of these random numbers: none", encoding="utf-8")
    return folder


class _Layers:
    """Writes layers with random weights into a graph."""

    def __init__(self, graph: GraphWriter, random: np.random.Generator) -> None:
        self.graph, self._random = graph, random
        self.states: dict[str, tuple[int, ...]] = {}

    def weights(self, *shape: int, fan: int = 1) -> np.ndarray:
        return np.asarray(self._random.normal(size=shape) / np.sqrt(fan), np.float32)

    def floats(self, *shape: int, fan: int = 1) -> int:
        return self.graph.constant(self.weights(*shape, fan=fan))

    def numbers(self, *values: int) -> int:
        return self.graph.constant(np.array(values, np.int32))

    def read(self, name: str, *shape: int) -> tuple[int, int]:
        """(handle, value) of a variable."""
        self.states[name] = shape
        handle = self.graph.variable(name)
        return handle, self.graph.add(Op.READ_VARIABLE, [handle], [shape])[0]

    def assign(self, handle: int, value: int) -> None:
        self.graph.add(Op.ASSIGN_VARIABLE, [handle, value], [])

    def one(self, op: Op, inputs: list[int], shape: tuple[int, ...], **options: object) -> int:
        return self.graph.add(op, inputs, [shape], **options)[0]

    def last(self, value: int, count: int, channels: int) -> int:
        bounds = [self.numbers(0, -count, 0, 0), self.numbers(0, 0, 0, channels), self.numbers(1, 1, 1, 1)]
        return self.one(Op.STRIDED_SLICE, [value, *bounds], (1, count, 1, channels), end_mask=0b1111, **KEEP_CHANNELS)

    def first(self, value: int, count: int, channels: int) -> int:
        bounds = [self.numbers(0, 0, 0, 0), self.numbers(0, count, 0, channels), self.numbers(1, 1, 1, 1)]
        return self.one(Op.STRIDED_SLICE, [value, *bounds], (1, count, 1, channels), end_mask=0b1101, **KEEP_CHANNELS)

    def after(self, name: str, value: int, context: int, time: int, channels: int) -> int:
        """A value with what came before it, which is kept for the next time."""
        handle, kept = self.read(name, 1, context, 1, channels)
        joined = self.one(Op.CONCATENATION, [kept, value], (1, context + time, 1, channels), axis=1)
        self.assign(handle, self.last(joined, context, channels))
        return joined

    def overlap(self, name: str, value: int, bias: int, keep: int, tail: int, channels: int) -> int:
        """A transposed convolution's result: what hung over from before is added, what hangs over now is kept."""
        handle, kept = self.read(name, 1, tail, 1, channels)
        nothing = self.graph.constant(np.zeros((1, keep, 1, channels), np.float32))
        late = self.one(Op.CONCATENATION, [kept, nothing], (1, keep + tail, 1, channels), axis=1)
        summed = self.one(Op.ADD, [value, late], (1, keep + tail, 1, channels))
        over = self.last(summed, tail, channels)
        self.assign(handle, self.one(Op.SUB, [over, bias], (1, tail, 1, channels)))
        return self.first(summed, keep, channels)

    def finish(self, file: FileWriter, given: int, wanted: int, start: float = 0.0) -> FileWriter:
        self.graph.outputs.append(wanted)
        file.sign("serving_default", 0, {"input_audio": given}, {"output_0": wanted})
        first = file.graph("NoOp")
        for name, shape in self.states.items():
            handle = first.variable(name)
            first.add(Op.ASSIGN_VARIABLE, [handle, first.constant(np.full(shape, start, np.float32))], [])
        return file


def _encoder(random: np.random.Generator, start: float) -> FileWriter:
    file = FileWriter()
    layers = _Layers(graph := file.graph(), random)
    graph.add(Op.CALL_ONCE, [], [], subgraph=1)
    given = graph.input((1, FRAME))
    laid = layers.one(Op.RESHAPE, [given, layers.numbers(1, FRAME, 1, 1)], (1, FRAME, 1, 1))
    heard = layers.after("first/states", laid, 16, FRAME, 1)
    stem = layers.one(
        Op.CONV_2D, [heard, layers.floats(WIDTH, 32, 1, 1, fan=8), layers.floats(WIDTH)], (1, 20, 1, WIDTH),
        padding=1, stride_h=16, stride_w=1,
    )  # fmt: skip
    bent = layers.one(Op.LEAKY_RELU, [stem], (1, 20, 1, WIDTH), alpha=0.3)
    wide = layers.after("block/states", bent, 4, 20, WIDTH)
    alone = layers.one(
        Op.DEPTHWISE_CONV_2D, [wide, layers.floats(1, 3, 1, WIDTH), layers.floats(WIDTH)], (1, 20, 1, WIDTH),
        padding=1, stride_h=1, stride_w=1, depth_multiplier=1, dilation_h=2, dilation_w=1,
    )  # fmt: skip
    summed = layers.one(Op.ADD, [alone, stem], (1, 20, 1, WIDTH))
    coarse = layers.one(Op.QUANTIZE, [summed], (1, 20, 1, WIDTH))
    integers = random.integers(-127, 128, (FEATURES, 20, 1, WIDTH // PARTS), np.int8)
    scales = random.uniform(1e-3, 2e-3, FEATURES).tolist()
    weights = graph.constant(integers, scales, [0] * FEATURES)
    bias = graph.constant(random.integers(-99, 99, FEATURES, np.int32), scales, [0] * FEATURES)
    down = layers.one(Op.CONV_2D, [coarse, weights, bias], (1, 1, 1, FEATURES), padding=1, stride_h=20, stride_w=1)
    fine = layers.one(Op.DEQUANTIZE, [down], (1, 1, 1, FEATURES))
    wanted = layers.one(Op.RESHAPE, [fine, layers.numbers(1, 1, FEATURES)], (1, 1, FEATURES))
    return layers.finish(file, given, wanted, start)


def _decoder(random: np.random.Generator) -> FileWriter:
    file = FileWriter()
    layers = _Layers(graph := file.graph(), random)
    graph.add(Op.CALL_ONCE, [], [], subgraph=1)
    given = graph.input((1, 1, FEATURES))
    laid = layers.one(Op.RESHAPE, [given, layers.numbers(1, 1, 1, FEATURES)], (1, 1, 1, FEATURES))
    axis = graph.constant(np.array(-1, np.int32))
    shapes = [(1, 1, 1, FEATURES // PARTS)] * PARTS
    parts = []
    for number, part in enumerate(graph.add(Op.SPLIT, [axis, laid], shapes, parts=PARTS)):
        bias, shape = layers.floats(WIDTH), layers.numbers(1, 40, 1, WIDTH)
        weights = layers.floats(WIDTH, 40, 1, FEATURES // PARTS, fan=FEATURES)
        up = layers.one(
            Op.TRANSPOSE_CONV, [shape, weights, part, bias], (1, 40, 1, WIDTH), padding=1, stride_h=20, stride_w=1
        )
        parts.append(layers.overlap(f"up_{number}/states", up, bias, 20, 20, WIDTH))
    joined = layers.one(Op.CONCATENATION, parts, (1, 20, 1, PARTS * WIDTH), axis=-1)
    bent = layers.one(Op.LEAKY_RELU, [joined], (1, 20, 1, PARTS * WIDTH), alpha=0.3)
    bias, shape = layers.floats(1), layers.numbers(1, 336, 1, 1)
    weights = layers.floats(1, 32, 1, PARTS * WIDTH, fan=99)
    made = layers.one(
        Op.TRANSPOSE_CONV, [shape, weights, bent, bias], (1, 336, 1, 1), padding=1, stride_h=16, stride_w=1
    )
    sound = layers.overlap("last/states", made, bias, FRAME, 16, 1)
    wanted = layers.one(Op.RESHAPE, [sound, layers.numbers(1, FRAME)], (1, FRAME))
    return layers.finish(file, given, wanted)


def _quantizer(random: np.random.Generator) -> FileWriter:
    file = FileWriter()
    books = [
        (random.normal(size=(ENTRIES, FEATURES)) * 3 * 0.93**stage).astype(np.float32) for stage in range(QUANTIZERS)
    ]
    _decoding(file, books)
    graph = file.graph("encode")
    layers = _Layers(graph, random)
    rest = given = graph.input((1, 1, FEATURES))
    count, last = graph.input((), "int32"), graph.constant(np.array(-1, np.int32))
    codes = []
    for book in books:
        apart = layers.one(Op.SQUARED_DIFFERENCE, [rest, graph.constant(book[None])], (1, ENTRIES, FEATURES))
        codes.append(layers.one(Op.ARG_MIN, [layers.one(Op.SUM, [apart, last], (1, ENTRIES)), last], (1,)))
        entry = layers.one(Op.GATHER, [graph.constant(book), codes[-1]], (1, FEATURES), axis=0)
        rest = layers.one(Op.SUB, [rest, entry], (1, 1, FEATURES))
    wanted = layers.one(Op.PACK, codes, (QUANTIZERS, 1), count=QUANTIZERS, axis=0)
    file.sign("encode", 1, {"input_frames": given, "num_quantizers": count}, {"output_0": wanted})
    return file


def _decoding(file: FileWriter, books: list[np.ndarray]) -> None:
    graph = file.graph("decode")
    given = graph.input((QUANTIZERS, 1, 1), "int32")
    masks = {"ellipsis_mask": 0, "new_axis_mask": 0, "begin_mask": 6, "end_mask": 6, "shrink_axis_mask": 1}
    summed = None
    for stage, book in enumerate(books):
        bounds = [graph.constant(np.array(at, np.int32)) for at in ([stage, 0, 0], [stage + 1, 1, 1], [1, 1, 1])]
        (code,) = graph.add(Op.STRIDED_SLICE, [given, *bounds], [(1, 1)], **masks)
        (entry,) = graph.add(Op.GATHER, [graph.constant(book), code], [(1, 1, FEATURES)], axis=0)
        summed = entry if summed is None else graph.add(Op.ADD, [summed, entry], [(1, 1, FEATURES)])[0]
    assert summed is not None
    file.sign("decode", 0, {"encoding_indices": given}, {"output_0": summed})
