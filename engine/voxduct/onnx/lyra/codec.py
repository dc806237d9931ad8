"""Lyra's SoundStream behind `voxduct.models.Codec`: 20-ms frames of 16 kHz, at three rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxduct.audio import Samples
from voxduct.codec.lyra import Rate
from voxduct.codec.residual import UNUSED, ResidualQuantizer
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Ints
from voxduct.onnx.files import read_config
from voxduct.onnx.lyra.graph import StreamGraph
from voxduct.onnx.lyra.layout import CODEBOOKS, DECODER, ENCODER, FIELDS, GRAPHS, MODEL_TYPE, NUM_FEATURES
from voxduct.onnx.runtime import OrtOptions


class LyraModel:
    """The graphs and the codebooks, opened once, for any number of codecs and streams."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        config = read_config(folder, MODEL_TYPE, FIELDS)
        self.sample_rate, self.frame_size, self.num_codebooks, self.cardinality = (int(config[name]) for name in FIELDS)
        if self.num_codebooks < max(rate.num_quantizers for rate in Rate):
            raise ModelError(f"{folder} has {self.num_codebooks} quantizers; its rates need more")
        self.encoder = StreamGraph(folder / GRAPHS / ENCODER, "audio", "features", self.frame_size, options)
        self.decoder = StreamGraph(folder / GRAPHS / DECODER, "features", "audio", 1, options)
        shape = (self.num_codebooks, self.cardinality, NUM_FEATURES)
        self.quantizer = ResidualQuantizer(_read_books(folder / CODEBOOKS, shape))


class LyraEncoderState:
    """One stream's encoder: what its layers remember, and the memory that its runs go through."""

    def __init__(self, model: LyraModel, num_quantizers: int) -> None:
        self.num_quantizers = num_quantizers
        self._graph = model.encoder.bind()
        self._quantizer = model.quantizer.encoder(num_quantizers)

    def encode(self, samples: Samples, codes: Ints) -> None:
        """Frames of one run; their codes are written into `codes`, shape [frames, num_quantizers]."""
        features = self._graph.run(samples[None])[0]
        for feature, of_frame in zip(features, codes, strict=True):
            self._quantizer.encode(feature, of_frame)


class LyraDecoderState:
    """One stream's decoder."""

    def __init__(self, model: LyraModel) -> None:
        self._quantizer = model.quantizer
        self._graph = model.decoder.bind()

    def decode(self, codes: Ints, samples: Samples) -> None:
        """Codes of the frames of one run, shape [frames, k]; their sound is written into `samples`."""
        features = np.stack([self._quantizer.decode(of_frame) for of_frame in codes])
        samples[:] = self._graph.run(features[None])[0]


class LyraCodec:
    """Implements `voxduct.models.Codec` at one rate; several may share a `LyraModel`.

    Several frames are computed in one run only where that is to the bit as one after the other would be, so that the
    same samples give the same codes however they come.
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
                stands before the frames of that run.
        """
        if not isinstance(state, LyraEncoderState) or state.num_quantizers != self.num_codebooks:
            raise TypeError(f"not an encoder state of this codec: {type(state).__name__}")
        if not len(samples) or len(samples) % self.frame_size:
            raise InferenceError(f"{len(samples)} samples are no whole frames of {self.frame_size}")
        codes = np.empty((len(samples) // self.frame_size, self.num_codebooks), np.int64)
        most = self._model.encoder.max_frames
        for start in range(0, len(codes), most):
            end = start + most
            state.encode(samples[start * self.frame_size : end * self.frame_size], codes[start:end])
        return codes.T

    def decode(self, codes: Ints, state: object) -> Samples:
        """Codes of shape [k, n], n at least 1, to samples [n * frame_size]; advances `state`.

        k is any number of quantizers, from 1: a coarser stream than this codec's own is understood as well. -1 is a
        code that adds nothing.

        Raises:
            InferenceError: the codes are none of this codec, and `state` is as it was; or a graph failed, and `state`
                stands before the frames of that run.
        """
        if not isinstance(state, LyraDecoderState):
            raise TypeError(f"not a decoder state of this codec: {type(state).__name__}")
        self._check(codes)
        frames = np.ascontiguousarray(codes.T, np.int64)
        samples = np.empty(len(frames) * self.frame_size, np.float32)
        most = self._model.decoder.max_frames
        for start in range(0, len(frames), most):
            end = start + most
            state.decode(frames[start:end], samples[start * self.frame_size : end * self.frame_size])
        return samples

    def _check(self, codes: Ints) -> None:
        most = self._model.num_codebooks
        if codes.ndim != 2 or not 1 <= codes.shape[0] <= most or not codes.shape[1]:
            raise InferenceError(f"codes of shape {codes.shape} are not of 1 to {most} quantizers")
        if codes.min() < UNUSED or codes.max() >= self.cardinality:
            raise InferenceError(f"there are codes outside 0 to {self.cardinality - 1}")


def _read_books(path: Path, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    try:
        books: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read; convert the model again") from error
    if books.shape != shape or books.dtype != np.float32:
        raise ModelError(f"{path} has {books.dtype} of shape {books.shape}, not float32 of {shape}")
    return books
