"""How ONNX Runtime is opened: threads, device, and errors that name the file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import onnxruntime as ort

from voxduct.errors import ModelError

logger = logging.getLogger(__name__)
QUIET = 3  # ONNX Runtime's own log: errors only


class Provider(StrEnum):
    """What a model runs on."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrtOptions:
    """How models are run."""

    provider: Provider = Provider.CPU
    """CUDA falls back to the CPU, with a warning, where the installed ONNX Runtime cannot use it."""
    intra_op_threads: int = 1
    """Threads within one run; the server runs several at once, so few are best."""
    spinning: bool = False
    """Let idle threads spin: faster alone, ruinous for everything else on the machine."""


def open_session(path: Path, options: OrtOptions | None = None) -> ort.InferenceSession:
    """Loads a graph; one session may be run by many threads at once.

    Raises:
        ModelError: the file is missing or no ONNX graph that this ONNX Runtime can run.
    """
    options = options or OrtOptions()
    if not path.is_file():
        raise ModelError(f"no model at {path}; its folder is incomplete, fetch it again")
    try:
        return ort.InferenceSession(str(path), _session_options(options), providers=_providers(options.provider))
    except Exception as error:  # ONNX Runtime has no common base of its errors
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} cannot be loaded ({reason}); it may be damaged, fetch it again") from error


def _session_options(options: OrtOptions) -> ort.SessionOptions:
    session = ort.SessionOptions()
    session.intra_op_num_threads = options.intra_op_threads
    session.inter_op_num_threads = 1
    session.log_severity_level = QUIET
    session.add_session_config_entry("session.intra_op.allow_spinning", str(int(options.spinning)))
    return session


def _providers(provider: Provider) -> list[str]:
    if provider is Provider.CUDA:
        if "CUDAExecutionProvider" in ort.get_available_providers():
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]
        logger.warning("this ONNX Runtime has no CUDA (pip install onnxruntime-gpu); running on the CPU instead")
    return ["CPUExecutionProvider"]
