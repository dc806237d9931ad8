"""Lyra's SoundStream behind `voxduct.models.Codec`: 20-ms frames of 16 kHz, at three rates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort

from voxduct.audio import Samples
from voxduct.codec.lyra import Rate
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Ints
from voxduct.onnx.files import read_config
from voxduct.onnx.graph import as_value
from voxduct.onnx.lyra.graph import GraphState, StatefulGraph
from voxduct.onnx.lyra.layout import (
    DECODER,
    ENCODER,
    FIELDS,
    GRAPHS,
    MODEL_TYPE,
    QUANTIZER_DECODE,
    QUANTIZER_ENCODE,
)
from voxduct.onnx.runtime import OrtOptions

NO_STATE = GraphState({})


class LyraModel:
    """The four graphs, opened once, for any number of codecs and streams."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        config = read_config(folder, MODEL_TYPE, FIELDS)
        self.sample_rate, self.frame_size, self.num_codebooks, self.cardinality = (int(config[name]) for name in FIELDS)
        if self.num_codebooks < max(rate.num_quantizers for rate in Rate):
            raise ModelError(f"{folder} has {self.num_codebooks} quantizers; its rates need more")
        graphs = folder / GRAPHS
        self.encoder = StatefulGraph(graphs / ENCODER, ("audio",), "features", options)
        self.decoder = StatefulGraph(graphs / DECODER, ("features",), "audio", options)
        self.quantizer = StatefulGraph(graphs / QUANTIZER_ENCODE, ("features", "num_quantizers"), "codes", options)
        self.dequantizer = StatefulGraph(graphs / QUANTIZER_DECODE, ("codes",), "features", options)


class LyraCodec:
    """Implements `voxduct.models.Codec` at one rate; several may share a `LyraModel`.

    One frame is computed at a time, so that the same samples give the same codes to the bit, however they come.
    """

    delay_samples = 0
    """Decoded samples stand where those that were encoded stood."""

    def __init__(self, model: LyraModel, rate: Rate = Rate.KBPS_9_2) -> None:
        self._model, self.rate = model, rate
        self._count = as_value(np.array([rate.num_quantizers], np.int64))
        self.sample_rate, self.frame_size = model.sample_rate, model.frame_size
        self.num_codebooks, self.cardinality = rate.num_quantizers, model.cardinality

    def new_encoder_state(self) -> object:
        """The state of an encoder that has heard nothing."""
        return self._model.encoder.new_state()

    def new_decoder_state(self) -> object:
        """The state of a decoder that has said nothing."""
        return self._model.decoder.new_state()

    def encode(self, samples: Samples, state: object) -> Ints:
        """Samples of shape [n * frame_size], n at least 1, to codes [num_codebooks, n]; advances `state`.

        Raises:
            InferenceError: the samples are no whole frames, or a graph failed; `state` is as it was.
        """
        if not len(samples) or len(samples) % self.frame_size:
            raise InferenceError(f"{len(samples)} samples are no whole frames of {self.frame_size}")
        frames = np.ascontiguousarray(samples, np.float32).reshape(-1, 1, self.frame_size)
        codes = _all_or_none(state, lambda: [self._encode_frame(frame, state) for frame in frames])
        return np.concatenate(codes, axis=1)

    def decode(self, codes: Ints, state: object) -> Samples:
        """Codes of shape [k, n], n at least 1, to samples [n * frame_size]; advances `state`.

        k is any number of quantizers, from 1: a coarser stream than this codec's own is understood as well. -1 is a
        code that adds nothing.

        Raises:
            InferenceError: the codes are none of this codec, or a graph failed; `state` is as it was.
        """
        if codes.ndim != 2 or not 1 <= codes.shape[0] <= self._model.num_codebooks or not codes.shape[1]:
            raise InferenceError(f"codes of shape {codes.shape} are not of 1 to {self._model.num_codebooks} quantizers")
        if codes.min() < -1 or codes.max() >= self.cardinality:
            raise InferenceError(f"there are codes outside 0 to {self.cardinality - 1}")
        frames = np.ascontiguousarray(codes.T, np.int64)[:, :, None]
        return np.concatenate(_all_or_none(state, lambda: [self._decode_frame(frame, state) for frame in frames]))

    def _encode_frame(self, frame: Samples, state: object) -> Ints:
        features = self._model.encoder.run({"audio": as_value(frame)}, state)
        feeds = {"features": features, "num_quantizers": self._count}
        codes: Ints = self._model.quantizer.run(feeds, NO_STATE).numpy()
        return codes

    def _decode_frame(self, frame: Ints, state: object) -> Samples:
        features = self._model.dequantizer.run({"codes": as_value(frame)}, NO_STATE)
        samples: Samples = self._model.decoder.run({"features": features}, state).numpy()[0]
        return samples


def _all_or_none(state: object, run: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    """Runs over frames; when one fails, the state is what it was before the first."""
    if not isinstance(state, GraphState):
        raise TypeError(f"not a state of this codec: {type(state).__name__}")
    before: dict[str, ort.OrtValue] = state.values
    try:
        return run()
    except BaseException:
        state.values = before
        raise
