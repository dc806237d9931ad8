from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar

import onnxruntime as ort
import pytest

from voxduct.errors import ModelError
from voxduct.onnx.runtime import OrtOptions, Provider, choose, open_session
from voxduct.onnx.silero import packaged_graph


def test_open_session_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx.*fetch it again"):
        open_session(tmp_path / "gone.onnx")


def test_open_session_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"broken\.onnx.*fetch it again"):
        open_session(path)


def test_open_session_without_cuda_falls_back_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with caplog.at_level(logging.WARNING):
        session = open_session(packaged_graph(), OrtOptions(provider=Provider.CUDA))
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert "no CUDA" in caplog.text


def test_open_session_uses_the_threads_it_is_given() -> None:
    options = open_session(packaged_graph(), OrtOptions(intra_op_threads=2)).get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


CPU = "CPUExecutionProvider"
BUILT_WITH = {
    Provider.CUDA: ["CUDAExecutionProvider", CPU],
    Provider.TENSORRT: ["TensorrtExecutionProvider", "CUDAExecutionProvider", CPU],
    Provider.COREML: ["CoreMLExecutionProvider", CPU],
    Provider.DIRECTML: ["DmlExecutionProvider", CPU],
}


@pytest.mark.parametrize("provider", BUILT_WITH)
def test_choose_provider_that_is_there_is_taken_before_the_cpu(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: BUILT_WITH[provider])
    assert choose(provider).names == BUILT_WITH[provider]


@pytest.mark.parametrize("provider", BUILT_WITH)
def test_choose_provider_that_is_not_there_names_the_package_to_install(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [CPU])
    choice = choose(provider)
    assert choice.names == [CPU]
    assert "pip install onnxruntime" in choice.reason


@pytest.mark.parametrize(
    ("built_with", "expected"),
    [
        (BUILT_WITH[Provider.TENSORRT], Provider.CUDA),
        (BUILT_WITH[Provider.DIRECTML], Provider.DIRECTML),
        (BUILT_WITH[Provider.COREML], Provider.CPU),
        ([CPU], Provider.CPU),
    ],
)
def test_choose_automatically_takes_a_device_only_where_it_needs_no_compiling(
    built_with: list[str], expected: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: built_with)
    choice = choose(Provider.AUTO)
    assert choice.provider is expected and not choice.fell_back


class Refusing:
    """An InferenceSession that a device cannot start; the CPU can."""

    opened: ClassVar[list[list[str]]] = []

    def __init__(self, path: str, options: object, providers: list[str]) -> None:
        self.opened.append(providers)
        if providers[0] != CPU:
            raise RuntimeError("out of memory\nstack")


def test_open_session_device_that_fails_to_start_falls_back_with_its_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: BUILT_WITH[Provider.CUDA])
    monkeypatch.setattr("onnxruntime.InferenceSession", Refusing)
    with caplog.at_level(logging.WARNING):
        open_session(packaged_graph(), OrtOptions(provider=Provider.CUDA))
    assert Refusing.opened == [["CUDAExecutionProvider", CPU], [CPU]]
    assert "CUDA failed to start (out of memory)" in caplog.text


def test_open_session_device_whose_libraries_are_missing_runs_on_the_cpu_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What ONNX Runtime does without CUDA's libraries: it opens the session on the CPU and says nothing.
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: BUILT_WITH[Provider.CUDA])
    real = ort.InferenceSession
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda path, options, providers: real(path, options, [CPU]))
    with caplog.at_level(logging.WARNING):
        session = open_session(packaged_graph(), OrtOptions(provider=Provider.CUDA))
    assert session.get_providers() == [CPU]
    assert "CUDA did not start" in caplog.text


def test_open_session_on_what_was_asked_for_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        open_session(packaged_graph())
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert "runs on the CPU: asked for" in caplog.text
