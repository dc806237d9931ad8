from __future__ import annotations

import logging
from pathlib import Path

import pytest

from voxduct.errors import ModelError
from voxduct.onnx.runtime import OrtOptions, Provider, open_session
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
