"""The codec's promise: a stream in any chunking is the whole file, to 1e-4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from voxduct_training.codec_export import export  # noqa: E402
from voxduct_training.codec_vector import VectorCodec  # noqa: E402
from voxduct_training.voice_generate import Stateful  # noqa: E402

FRAMES = 60
CHUNKINGS = [[1], [2], [5], [16], [3, 1, 7]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    codec = VectorCodec("tiny")
    with torch.no_grad():  # envelopes of about speech's size
        codec.books.codes.normal_()
        codec.synthesis.level.fill_(-4.0)
    made = tmp_path_factory.mktemp("codec")
    export(codec, made, "0.0.0")
    return made


def stream(graph: Stateful, value: np.ndarray, unit: int, chunks: list[int]) -> np.ndarray:
    graph.reset()
    at, turn, out = 0, 0, []
    while at < value.shape[2]:
        size = chunks[turn % len(chunks)] * unit
        out.append(graph(value[:, :, at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate(out, 2)


@pytest.mark.parametrize("chunks", CHUNKINGS, ids=str)
def test_decoder_chunks_do_not_matter(folder: Path, chunks: list[int]) -> None:
    graph = Stateful(folder / "onnx/decoder.onnx")
    codes = np.random.default_rng(1).integers(0, 1024, (2, 4, FRAMES))
    whole = stream(graph, codes, 1, [FRAMES])
    assert whole.shape == (2, 1, FRAMES * 320)
    assert np.abs(whole).max() > 0.01
    assert np.abs(stream(graph, codes, 1, chunks) - whole).max() < 1e-4


@pytest.mark.parametrize("chunks", CHUNKINGS, ids=str)
def test_encoder_chunks_do_not_matter(folder: Path, chunks: list[int]) -> None:
    graph = Stateful(folder / "onnx/encoder.onnx")
    audio = np.random.default_rng(2).standard_normal((2, 1, FRAMES * 320)).astype(np.float32) * 0.1
    whole = stream(graph, audio, 320, [FRAMES])
    assert whole.shape == (2, 4, FRAMES)
    # A latent that lies between two codes may fall either way; it must be rare.
    assert (stream(graph, audio, 320, chunks) != whole).mean() < 0.005
