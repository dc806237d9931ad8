"""Lyra's SoundStream behind `voxduct.models.Codec`: 20-ms frames of 16 kHz, at three rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.codec.lyra import Rate
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Ints
from voxduct.onnx.files import read_config
from voxduct.onnx.lyra.graph import Buffer, StreamGraph
from voxduct.onnx.lyra.layout import (
    DECODER,
    ENCODER,
    FIELDS,
    GRAPHS,
    MODEL_TYPE,
    NUM_FEATURES,
    QUANTIZER_DECODE,
    QUANTIZER_ENCODE,
    UNUSED,
)
from voxduct.onnx.runtime import OrtOptions


class LyraModel:
    """The four graphs, opened once, for any number of codecs and streams."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        config = read_config(folder, MODEL_TYPE, FIELDS)
        self.sample_rate, self.frame_size, self.num_codebooks, self.cardinality = (int(config[name]) for name in FIELDS)
        if self.num_codebooks < max(rate.num_quantizers for rate in Rate):
            raise ModelError(f"{folder} has {self.num_codebooks} quantizers; its rates need more")
        graphs = folder / GRAPHS
        self.encoder = StreamGraph(graphs / ENCODER, ("audio",), "features", options)
        self.decoder = StreamGraph(graphs / DECODER, ("features",), "audio", options)
        self.quantizer = StreamGraph(graphs / QUANTIZER_ENCODE, ("features", "num_quantizers"), "codes", options)
        self.dequantizer = StreamGraph(graphs / QUANTIZER_DECODE, ("codes",), "features", options)


class LyraEncoderState:
    """One stream's encoder: what its layers remember, and the memory that its runs go through."""

    def __init__(self, model: LyraModel, num_quantizers: int) -> None:
        self.audio = Buffer(np.zeros((1, model.frame_size), np.float32))
        self.features = _features()
        self.codes = Buffer(np.zeros((num_quantizers, 1), np.int64))
        count = Buffer(np.array([num_quantizers], np.int64))
        self.num_quantizers = num_quantizers
        self.encoder = model.encoder.bind({"audio": self.audio}, self.features)
        self.quantizer = model.quantizer.bind({"features": self.features, "num_quantizers": count}, self.codes)


class LyraDecoderState:
    """One stream's decoder."""

    def __init__(self, model: LyraModel) -> None:
        self.codes = Buffer(np.zeros((model.num_codebooks, 1), np.int64))
        self.features = _features()
        self.audio = Buffer(np.zeros((1, model.frame_size), np.float32))
        self.dequantizer = model.dequantizer.bind({"codes": self.codes}, self.features)
        self.decoder = model.decoder.bind({"features": self.features}, self.audio)


class LyraCodec:
    """Implements `voxduct.models.Codec` at one rate; several may share a `LyraModel`.

    One frame is computed at a time, so that the same samples give the same codes to the bit, however they come.
    """

    delay_samples = 0
    """Decoded samples stand where those that were encoded stood."""

    def __init__(self, model: LyraModel, rate: Rate = Rate.KBPS_9_2) -> None:
        self._model, self.rate = model, rate
        self.sample_rate, self.frame_size = model.sample_rate, model.frame_size
        self.num_codebooks, self.cardinality = rate.num_quantizers, model.cardinality

    def new_encoder_state(self) -> LyraEncoderState:
        """The state of an encoder that has heard nothing."""
        return LyraEncoderState(self._model, self.num_codebooks)

    def new_decoder_state(self) -> LyraDecoderState:
        """The state of a decoder that has said nothing; decoders of all rates are the same."""
        return LyraDecoderState(self._model)

    def encode(self, samples: Samples, state: object) -> Ints:
        """Samples of shape [n * frame_size], n at least 1, to codes [num_codebooks, n]; advances `state`.

        Raises:
            InferenceError: the samples are no whole frames, and `state` is as it was; or a graph failed, and `state`
                stands before the frame on which it did.
        """
        if not isinstance(state, LyraEncoderState) or state.num_quantizers != self.num_codebooks:
            raise TypeError(f"not an encoder state of this codec: {type(state).__name__}")
        if not len(samples) or len(samples) % self.frame_size:
            raise InferenceError(f"{len(samples)} samples are no whole frames of {self.frame_size}")
        frames = np.ascontiguousarray(samples, np.float32).reshape(-1, 1, self.frame_size)
        codes = np.empty((self.num_codebooks, len(frames)), np.int64)
        for index, frame in enumerate(frames):
            state.audio.write(frame)
            state.encoder.run()
            state.quantizer.run()
            codes[:, index] = state.codes.read()[:, 0]
        return codes

    def decode(self, codes: Ints, state: object) -> Samples:
        """Codes of shape [k, n], n at least 1, to samples [n * frame_size]; advances `state`.

        k is any number of quantizers, from 1: a coarser stream than this codec's own is understood as well. -1 is a
        code that adds nothing.

        Raises:
            InferenceError: the codes are none of this codec, and `state` is as it was; or a graph failed, and `state`
                stands before the frame on which it did.
        """
        if not isinstance(state, LyraDecoderState):
            raise TypeError(f"not a decoder state of this codec: {type(state).__name__}")
        self._check(codes)
        frames = np.full((codes.shape[1], self._model.num_codebooks, 1), UNUSED, np.int64)
        frames[:, : codes.shape[0], 0] = codes.T
        samples = np.empty((len(frames), self.frame_size), np.float32)
        for index, frame in enumerate(frames):
            state.codes.write(frame)
            state.dequantizer.run()
            state.decoder.run()
            samples[index] = state.audio.read()[0]
        return samples.reshape(-1)

    def _check(self, codes: Ints) -> None:
        most = self._model.num_codebooks
        if codes.ndim != 2 or not 1 <= codes.shape[0] <= most or not codes.shape[1]:
            raise InferenceError(f"codes of shape {codes.shape} are not of 1 to {most} quantizers")
        if codes.min() < UNUSED or codes.max() >= self.cardinality:
            raise InferenceError(f"there are codes outside 0 to {self.cardinality - 1}")


def _features() -> Buffer:
    return Buffer(np.zeros((1, 1, NUM_FEATURES), np.float32))
