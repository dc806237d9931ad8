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
CPU_NAME = "CPUExecutionProvider"


class Provider(StrEnum):
    """What a model runs on."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
    """Compiles each graph for minutes when first opened."""
    COREML = "coreml"
    DIRECTML = "directml"
    AUTO = "auto"
    """CUDA or DirectML where the installed ONNX Runtime has one, else the CPU."""


NAMES = {
    Provider.CPU: CPU_NAME,
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.COREML: "CoreMLExecutionProvider",
    Provider.DIRECTML: "DmlExecutionProvider",
}
LABELS = {
    Provider.CPU: "the CPU",
    Provider.CUDA: "CUDA",
    Provider.TENSORRT: "TensorRT",
    Provider.COREML: "CoreML",
    Provider.DIRECTML: "DirectML",
}
PACKAGES = {
    Provider.CUDA: "onnxruntime-gpu",
    Provider.TENSORRT: "onnxruntime-gpu",
    Provider.COREML: "onnxruntime on macOS",
    Provider.DIRECTML: "onnxruntime-directml",
}
AUTOMATIC = (Provider.CUDA, Provider.DIRECTML)  # those that take any shape without compiling it first


@dataclass(frozen=True, slots=True, kw_only=True)
class OrtOptions:
    """How models are run."""

    provider: Provider = Provider.CPU
    """All others fall back to the CPU, with a warning that says why, where they cannot be used."""
    intra_op_threads: int = 1
    """Threads within one run; the server runs several at once, so few are best."""
    spinning: bool = False
    """Let idle threads spin: faster alone, ruinous for everything else on the machine."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model will run on, and why that."""

    provider: Provider
    reason: str
    fell_back: bool = False

    @property
    def names(self) -> list[str]:
        """For ONNX Runtime, in the order in which it offers them each node."""
        cuda = [NAMES[Provider.CUDA]] if self.provider is Provider.TENSORRT else []
        return list(dict.fromkeys([NAMES[self.provider], *cuda, CPU_NAME]))


def choose(wanted: Provider) -> Choice:
    """The provider to use, of those the installed ONNX Runtime was built with."""
    available = set(ort.get_available_providers())
    if wanted is Provider.AUTO:
        found = next((one for one in AUTOMATIC if NAMES[one] in available), None)
        if found is None:
            return Choice(Provider.CPU, "this ONNX Runtime has no other")
        return Choice(found, "this ONNX Runtime has it")
    if wanted is not Provider.CPU and NAMES[wanted] not in available:
        missing = f"this ONNX Runtime has no {LABELS[wanted]} (pip install {PACKAGES[wanted]})"
        return Choice(Provider.CPU, missing, fell_back=True)
    return Choice(wanted, "asked for")


def open_session(path: Path, options: OrtOptions | None = None) -> ort.InferenceSession:
    """Loads a graph; one session may be run by many threads at once.

    What it runs on and why goes to the log: as a warning where it is not what was asked for.

    Raises:
        ModelError: the file is missing or no ONNX graph that this ONNX Runtime can run.
    """
    options = options or OrtOptions()
    if not path.is_file():
        raise ModelError(f"no model at {path}; its folder is incomplete, fetch it again")
    choice = choose(options.provider)
    if choice.provider is not Provider.CPU:
        session, choice = _try(path, options, choice)
        if session is not None:
            _log(path, choice)
            return session
    _log(path, choice)
    try:
        return _open(path, options, Choice(Provider.CPU, ""))
    except Exception as error:  # ONNX Runtime has no common base of its errors
        raise ModelError(
            f"{path} cannot be loaded ({_first_line(error)}); it may be damaged, fetch it again"
        ) from error


def _try(path: Path, options: OrtOptions, choice: Choice) -> tuple[ort.InferenceSession | None, Choice]:
    """A session on a device, or why there is none: its libraries are missing, its memory full, the graph too new."""
    label = LABELS[choice.provider]
    try:
        session = _open(path, options, choice)
    except Exception as error:  # ONNX Runtime has no common base of its errors
        return None, Choice(Provider.CPU, f"{label} failed to start ({_first_line(error)})", fell_back=True)
    if session.get_providers()[0] == NAMES[choice.provider]:
        return session, choice
    reason = f"{label} did not start; its driver or libraries are missing or of another version"
    return session, Choice(Provider.CPU, reason, fell_back=True)


def _log(path: Path, choice: Choice) -> None:
    if choice.fell_back:
        logger.warning("%s runs on the CPU instead: %s", path.name, choice.reason)
    else:
        logger.info("%s runs on %s: %s", path.name, LABELS[choice.provider], choice.reason)


def _open(path: Path, options: OrtOptions, choice: Choice) -> ort.InferenceSession:
    session = ort.SessionOptions()
    session.intra_op_num_threads = options.intra_op_threads
    session.inter_op_num_threads = 1
    session.log_severity_level = QUIET
    session.add_session_config_entry("session.intra_op.allow_spinning", str(int(options.spinning)))
    session.enable_cpu_mem_arena = False  # it keeps what the longest window ever took, and saves no time
    if choice.provider is Provider.DIRECTML:
        session.enable_mem_pattern = False  # DirectML refuses graphs otherwise
    return ort.InferenceSession(str(path), session, providers=choice.names)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
