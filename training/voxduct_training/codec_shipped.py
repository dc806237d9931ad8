"""The shipped codec as the voice's recipe uses it: its analysis, with a better pitch or another tempo, and its books.

Reads the two graphs of a codec folder, so that a voice can be trained without the checkpoint the codec came from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper

from .codec_vector import BOOKS, CEPSTRA, PITCH_WEIGHT, WIDTH

Vectors = NDArray[np.float32]


class ShippedCodec:
    """`onnx/encoder.onnx` up to its parameter vectors, and the books of `onnx/decoder.onnx`."""

    def __init__(self, folder: Path) -> None:
        graph = onnx.load(folder / "onnx/encoder.onnx")
        books = {i.name for i in graph.graph.initializer if i.dims and i.dims[0] == WIDTH}
        vectors = next(n.input[0] for n in graph.graph.node if n.op_type == "MatMul" and n.input[1] in books)
        graph.graph.output.append(onnx.helper.make_tensor_value_info(vectors, onnx.TensorProto.FLOAT, None))
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self._vectors = vectors
        self._states = {i.name: i.shape[1:] for i in self._session.get_inputs()[1:]}
        self.books = _tables(folder / "onnx/decoder.onnx")

    def analyse(self, audio: Vectors, pitch: Vectors) -> Vectors:
        """[B, 1, samples] and log2 pitch [B, 2N] (NaN: keep the network's) -> parameter vectors [B, N, WIDTH]."""
        states = {name: np.zeros((len(audio), *shape), np.float32) for name, shape in self._states.items()}
        (found,) = self._session.run([self._vectors], {"audio": audio, **states})
        halves = found.reshape(len(found), -1, WIDTH // 2)
        known = ~np.isnan(pitch)
        halves[:, :, CEPSTRA][known] = pitch[known] * PITCH_WEIGHT
        return found

    def quantise(self, vectors: Vectors) -> NDArray[np.int16]:
        """[N, WIDTH] -> codes [BOOKS, N]."""
        codes, left = [], vectors
        for book in self.books:
            index = (left @ book.T - 0.5 * np.square(book).sum(1)).argmax(1)
            left = left - book[index]
            codes.append(index)
        return np.stack(codes).astype(np.int16)


def at_tempo(vectors: Vectors, stretch: float) -> Vectors:
    """The same speech `stretch` times as long, its pitch and colour unchanged: 10 ms halves are interpolated."""
    halves = vectors.reshape(-1, WIDTH // 2)
    count = int(len(vectors) * stretch) * 2
    place = np.linspace(0, len(halves) - 1.001, count)
    low, part = place.astype(int), (place % 1)[:, None]
    return (halves[low] * (1 - part) + halves[low + 1] * part).astype(np.float32).reshape(-1, WIDTH)


def _tables(path: Path) -> list[Vectors]:
    found = [i for i in onnx.load(path).graph.initializer if list(i.dims[1:]) == [WIDTH]]
    if len(found) != BOOKS:
        raise ValueError(f"{path} holds {len(found)} books of {WIDTH} values, not {BOOKS}")
    return [numpy_helper.to_array(i) for i in sorted(found, key=lambda i: int(i.name.rsplit("_", 1)[1]))]
