from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from voxduct.audio import SAMPLE_RATE
from voxduct.bench.spectrogram_sheet import Panel, draw_sheet
from voxduct.errors import ExtraError, ServerError

NOISE = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
PANELS = [
    Panel("plain", NOISE),
    Panel("marked", NOISE[:8000], mark_s=0.25),
    Panel("high", NOISE, None, np.full(101, 200.0)),
]


def test_sheet_without_matplotlib_raises_extra_error_naming_its_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExtraError, match=r"--sheet.*matplotlib.*voxduct\[bench\]"):
        draw_sheet(tmp_path / "sheet.png", PANELS)


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_sheet_is_written_or_the_error_names_its_path(tmp_path: Path) -> None:
    draw_sheet(tmp_path / "sheet.png", PANELS)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ServerError, match=r"sheet\.png"):
        draw_sheet(tmp_path / "no folder" / "sheet.png", PANELS)
