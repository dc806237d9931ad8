"""What trainings start from and step with: weights there and back, orthogonal updates, the shipped codec's analysis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from voxduct.bench.bundled import demo_clips
from voxduct_training.code_lm_export import config, export, read_weights
from voxduct_training.code_lm_model import CodeLm
from voxduct_training.codec_shipped import ShippedCodec, at_tempo
from voxduct_training.codec_vector import PITCH_WEIGHT, WIDTH
from voxduct_training.export_recognizer import write_weights
from voxduct_training.muon import orthogonalise
from voxduct_training.recognizer import Recognizer, Shape
from voxduct_training.whisper_weights import FIRST_SPECIAL, from_folder

CODEC = Path("models_onnx/voxduct-codec-16k")


def test_exported_weights_read_back_hear_the_same(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = Recognizer(Shape(FIRST_SPECIAL + 9 + 1501, width=32, heads=4)).eval()
    write_weights(model, tmp_path)
    again = from_folder(tmp_path).eval()
    features, tokens = torch.randn(1, 80, 200), torch.randint(0, 700, (1, 7))
    with torch.no_grad():
        for ours, theirs in zip(model.encode(features), again.encode(features), strict=True):
            torch.testing.assert_close(ours, theirs, atol=2e-2, rtol=2e-2)
        states = model.encode(features)[0]
        torch.testing.assert_close(model.decode(tokens, states), again.decode(tokens, states), atol=2e-2, rtol=2e-2)


def test_exported_voice_read_back_has_the_weights(tmp_path: Path) -> None:
    torch.manual_seed(4)
    model = CodeLm(width=64, layers=2, heads=1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)  # the exporter stores equal tensors, as untrained ones are, only once
    export(model, tmp_path, config(model, {}, [], "ada"), "0.0.0")
    again = read_weights(tmp_path)
    assert set(again) == set(model.state_dict())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again[name], value, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("decay", [0, 1, 3])
def test_orthogonalise_of_steep_spectra_keeps_singular_values_near_one(decay: int, bf16: bool) -> None:
    generator = torch.Generator().manual_seed(decay)
    left = torch.linalg.qr(torch.randn(2, 48, 48, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(2, 96, 48, generator=generator))[0]
    spectrum = torch.arange(1, 49).float() ** -decay
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        found = orthogonalise((left * spectrum) @ right.mT)
    values = torch.linalg.svdvals(found.float())
    assert values.max() < 1.7
    assert values[:, 0].min() > 0.6
    kept = (left.mT @ found.float() @ right).diagonal(dim1=1, dim2=2)
    assert kept[:, 0].min() > 0.6, "the strongest direction was turned or lost"


def test_shipped_codec_without_pitch_gives_the_codes_of_its_graph() -> None:
    samples = demo_clips()[0].samples()
    samples = samples[: len(samples) // 320 * 320][None, None]
    codec = ShippedCodec(CODEC)
    unknown = np.full((1, samples.shape[2] // 160), np.nan, np.float32)
    session = ort.InferenceSession(CODEC / "onnx/encoder.onnx")
    states = {i.name: np.zeros((1, *i.shape[1:]), np.float32) for i in session.get_inputs()[1:]}
    (codes,) = session.run(["codes"], {"audio": samples, **states})
    assert np.array_equal(codec.quantise(codec.analyse(samples, unknown)[0]), codes[0])


def test_shipped_codec_takes_a_given_pitch() -> None:
    samples = np.random.default_rng(0).standard_normal((1, 1, 3200)).astype(np.float32) * 0.1
    pitch = np.full((1, 20), np.nan, np.float32)
    pitch[0, 4:8] = 0.5
    vectors = ShippedCodec(CODEC).analyse(samples, pitch)[0].reshape(20, WIDTH // 2)
    assert np.isclose(vectors, 0.5 * PITCH_WEIGHT).any(axis=1).tolist() == [4 <= n < 8 for n in range(20)]


@pytest.mark.parametrize("stretch", [0.5, 1.0, 1.7])
def test_at_tempo_stretches_time_and_nothing_else(stretch: float) -> None:
    ramp = np.linspace(0, 1, 80, dtype=np.float32)
    vectors = np.repeat(ramp[:, None], WIDTH // 2, 1).reshape(40, WIDTH)
    found = at_tempo(vectors, stretch)
    assert found.shape == (int(40 * stretch), WIDTH)
    assert found.reshape(-1, WIDTH // 2)[:, 0] == pytest.approx(np.linspace(0, 1, len(found) * 2), abs=2e-2)
