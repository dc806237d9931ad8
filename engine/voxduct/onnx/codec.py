"""A codec whose layers' memories are graph inputs: `state_x` goes in, `out_state_x` comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats, Ints
from voxduct.onnx.files import check_names, read_config
from voxduct.onnx.runtime import OrtOptions, open_session

CODEC_TYPE = "voxduct-codec"
FIELDS = ("sampling_rate", "frame_size", "num_codebooks", "cardinality")


def is_own(folder: Path) -> bool:
    """Whether a folder says that it holds such a codec; does not raise."""
    try:
        read_config(folder, CODEC_TYPE, ())
    except ModelError:
        return False
    return True


class GraphState:
    """What one stream's graph remembers; replaced as a whole by every run."""

    __slots__ = ("tensors",)

    def __init__(self, tensors: dict[str, Floats]) -> None:
        self.tensors = tensors


class StatefulGraph:
    """One graph of a codec; shared by all streams, each with a `GraphState` of its own."""

    def __init__(self, path: Path, input_name: str, output_name: str, options: OrtOptions | None) -> None:
        """Raises ModelError when the file is missing or is no such graph."""
        self._session = open_session(path, options)
        self._path = path
        shapes = {value.name: value.shape for value in self._session.get_inputs()}
        self._states = {name: tuple(shape[1:]) for name, shape in shapes.items() if name.startswith("state_")}
        check_names(self._session, path, [input_name], [output_name, *(f"out_{name}" for name in self._states)])
        if any(not isinstance(size, int) for shape in self._states.values() for size in shape):
            raise ModelError(f"{path} has states of unknown size; export it with static state shapes")
        self._input = input_name
        self._outputs = [output_name, *(f"out_{name}" for name in self._states)]

    def new_state(self) -> GraphState:
        """Zeros: a stream that has seen nothing."""
        return GraphState({name: np.zeros((1, *shape), np.float32) for name, shape in self._states.items()})

    def run(self, value: Floats | Ints, state: object) -> Floats | Ints:
        """One batch row; advances `state`. Raises InferenceError, and leaves `state` as it was."""
        if not isinstance(state, GraphState):
            raise TypeError(f"not a state of this codec: {type(state).__name__}")
        try:
            first, *rest = self._session.run(self._outputs, {self._input: value, **state.tensors})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"{self._path.name} failed: {str(error).splitlines()[0][:200]}") from error
        state.tensors = dict(zip(self._states, rest, strict=True))
        found: Floats | Ints = first
        return found


class OnnxCodec:
    """Implements `voxduct.models.Codec` on a folder with `config.json`, `onnx/encoder.onnx`, `onnx/decoder.onnx`."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        config = read_config(folder, CODEC_TYPE, FIELDS)
        self.sample_rate = int(config["sampling_rate"])
        self.frame_size = int(config["frame_size"])
        self.num_codebooks = int(config["num_codebooks"])
        self.cardinality = int(config["cardinality"])
        self.delay_samples = int(config.get("delay_samples", 0))
        """By how much decoded samples lag behind the samples that were encoded."""
        self._encoder = StatefulGraph(folder / "onnx" / "encoder.onnx", "audio", "codes", options)
        self._decoder = StatefulGraph(folder / "onnx" / "decoder.onnx", "codes", "audio", options)

    def new_encoder_state(self) -> object:
        """The state of an encoder that has heard nothing."""
        return self._encoder.new_state()

    def new_decoder_state(self) -> object:
        """The state of a decoder that has said nothing."""
        return self._decoder.new_state()

    def encode(self, samples: Samples, state: object) -> Ints:
        """Samples of shape [n * frame_size], n at least 1, to codes [num_codebooks, n]; advances `state`."""
        codes = self._encoder.run(np.ascontiguousarray(samples, np.float32)[None, None], state)
        found: Ints = codes[0].astype(np.int64)
        return found

    def decode(self, codes: Ints, state: object) -> Samples:
        """Codes of shape [num_codebooks, n], n at least 1, to samples [n * frame_size]; advances `state`."""
        samples = self._decoder.run(np.ascontiguousarray(codes, np.int64)[None], state)
        found: Samples = samples[0, 0].astype(np.float32)
        return found
