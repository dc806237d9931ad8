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
States = dict[str, Vectors]


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
        self.books, self.levels = _tables(folder / "onnx/decoder.onnx")

    def analyse(self, audio: Vectors, pitch: Vectors) -> Vectors:
        """[B, 1, samples] and log2 pitch [B, 2N] (NaN: keep the network's) -> parameter vectors [B, N, WIDTH]."""
        return self.analyse_on(audio, pitch, None)[0]

    def analyse_on(self, audio: Vectors, pitch: Vectors, states: States | None) -> tuple[Vectors, States]:
        """The same for the next piece of longer sounds: `states` is what the piece before returned, first None."""
        states = states or {name: np.zeros((len(audio), *shape), np.float32) for name, shape in self._states.items()}
        wanted = [self._vectors, *(name.replace("state_", "out_state_", 1) for name in states)]
        found, *after = self._session.run(wanted, {"audio": audio, **states})
        halves = found.reshape(len(found), -1, WIDTH // 2)
        known = ~np.isnan(pitch)
        halves[:, :, CEPSTRA][known] = pitch[known] * PITCH_WEIGHT
        return found, dict(zip(states, after, strict=True))

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


def _tables(path: Path) -> tuple[list[Vectors], Vectors]:
    """The books, and the log gains of pulses and noise, [2, 1]."""
    stored = sorted(onnx.load(path).graph.initializer, key=lambda i: i.name)
    found = [numpy_helper.to_array(i) for i in stored if list(i.dims[1:]) == [WIDTH]]
    gains = [numpy_helper.to_array(i) for i in stored if list(i.dims) == [1] and i.data_type == onnx.TensorProto.FLOAT]
    if len(found) != BOOKS or len(gains) != 2:
        raise ValueError(f"{path} holds {len(found)} books of {WIDTH} values and {len(gains)} gains, not {BOOKS} and 2")
    return found, np.stack(gains)
