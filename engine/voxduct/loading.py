"""From options to a running `Engine`: finds the models, checks them, and puts the adapters together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from threadpoolctl import threadpool_limits

from voxduct.hub import MANIFEST_NAME, ModelKind, read_manifest, resolve, verify
from voxduct.models import VadModel
from voxduct.onnx import synthesiser as onnx_synthesiser
from voxduct.onnx.codec import OnnxCodec
from voxduct.onnx.runtime import OrtOptions, Provider
from voxduct.onnx.silero import SileroVad
from voxduct.onnx.webrtc import WebrtcVad
from voxduct.onnx.whisper import load_recogniser
from voxduct.session import Engine
from voxduct.tts.stream import Synthesiser


class VadKind(StrEnum):
    """Which voice activity detector."""

    SILERO = "silero"
    WEBRTC = "webrtc"


class Device(StrEnum):
    """What models run on."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Which models, and on what they run; None is the embedded one."""

    asr: str | None = None
    tts: str | None = None
    vad: VadKind = VadKind.SILERO
    device: Device = Device.CPU
    threads: int = 1
    """Within one run of a model; the server runs several at once."""


def load_engine(options: EngineOptions, *, speaks: bool = True) -> Engine:
    """Everything a session needs; some seconds of work.

    numpy's BLAS is held to one thread from here on: the scheduler runs several jobs at once, and threads that spin
    for a small matrix product take the cores from them.

    Raises:
        ModelError: a model is missing, damaged, or does not fit the others.
    """
    threadpool_limits(limits=1, user_api="blas")
    recogniser = load_recogniser(_checked(options.asr, ModelKind.ASR), _ort_options(options))
    return Engine(_load_vad(options), recogniser, load_synthesiser(options) if speaks else None)


def load_synthesiser(options: EngineOptions) -> Synthesiser:
    """The speaking half alone; raises ModelError as `load_engine` does."""
    return onnx_synthesiser.load_synthesiser(
        _checked(options.tts, ModelKind.CODEC_LM),
        _checked(None, ModelKind.CODEC),
        _checked(None, ModelKind.G2P),
        _ort_options(options),
    )


def load_codec(options: EngineOptions) -> OnnxCodec:
    """The codec alone; raises ModelError as `load_engine` does."""
    return OnnxCodec(_checked(None, ModelKind.CODEC), _ort_options(options))


def _load_vad(options: EngineOptions) -> VadModel:
    match options.vad:
        case VadKind.SILERO:
            return SileroVad(options=_ort_options(options))
        case VadKind.WEBRTC:
            return WebrtcVad()


def _ort_options(options: EngineOptions) -> OrtOptions:
    return OrtOptions(provider=Provider(options.device.value), intra_op_threads=options.threads)


def _checked(model: str | None, kind: ModelKind) -> Path:
    """The model's folder; its files are compared with its manifest, where it has one."""
    folder = resolve(model, kind)
    if (folder / MANIFEST_NAME).is_file():
        verify(read_manifest(folder))
    return folder
