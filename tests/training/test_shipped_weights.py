from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from voxduct.onnx.prepare import Precision, prepare_whisper  # noqa: E402
from voxduct_training.export_recognizer import Traits, export_graphs, write_heads  # noqa: E402
from voxduct_training.recognizer import Recognizer, Shape  # noqa: E402
from voxduct_training.shipped_weights import read_weights  # noqa: E402
from voxduct_training.tokenizer import load_tokenizer  # noqa: E402

TOKENIZER = Path(__file__).parents[2] / "models_onnx" / "voxduct-tiny-en"
ROUNDING = 0.02  # of a matrix's largest weight: seven bits and a sign, with room


def untrained() -> Recognizer:
    """With biases and norms that are not what they begin as."""
    torch.manual_seed(4)
    model: Recognizer = Recognizer(Shape(load_tokenizer(TOKENIZER).get_vocab_size()))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            if name.endswith("joint.bias"):  # of keys there is none: the softmax does not see it
                start = 0 if "cross" in name else model.shape.width
                parameter[start : start + model.shape.width] = 0
    model.eval()
    return model


def test_shipped_weights_read_back_are_those_that_were_exported_but_for_rounding(tmp_path: Path) -> None:
    model = untrained()
    export_graphs(model, Traits(), TOKENIZER, tmp_path / "exact")
    prepare_whisper(tmp_path / "exact", tmp_path / "int8", precision=Precision.INT8)
    write_heads(model, tmp_path / "int8")
    read = read_weights(tmp_path / "int8").eval()
    for name, wanted in model.state_dict().items():
        found = read.state_dict()[name]
        allowed = ROUNDING * float(wanted.abs().max()) if wanted.ndim > 1 else 1e-3
        assert float((found - wanted).abs().max()) <= allowed, name
    features = torch.randn(1, 80, 200)
    with torch.inference_mode():
        states, other = model.encode(features)[0], read.encode(features)[0]
    assert np.corrcoef(states.numpy().ravel(), other.numpy().ravel())[0, 1] > 0.999
