from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from voxduct_training.codec_export import CONFIG, NAME  # noqa: E402

ROOT = Path(__file__).parents[2]


def test_codec_export_config_is_that_of_the_shipped_codec() -> None:
    assert json.loads((ROOT / "models_onnx" / NAME / "config.json").read_text(encoding="utf-8")) == CONFIG
