"""The refiner of the codec's decoder: nothing until it is trained, then nearer to the sound; codes and crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from voxduct_training.codec_adversary import Adversary  # noqa: E402
from voxduct_training.codec_coded import STRIPS, Coded, crops, encode  # noqa: E402
from voxduct_training.codec_data import Shard  # noqa: E402
from voxduct_training.codec_export import export, export_refined  # noqa: E402
from voxduct_training.codec_loss import SpectralLoss  # noqa: E402
from voxduct_training.codec_refine import optimizers, shipped, sound  # noqa: E402
from voxduct_training.codec_shipped import ShippedCodec  # noqa: E402
from voxduct_training.codec_vector import VectorCodec  # noqa: E402
from voxduct_training.voice_generate import Stateful  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    codec = VectorCodec("tiny")
    with torch.no_grad():  # envelopes of about speech's size
        codec.books.codes.normal_()
        codec.synthesis.level.copy_(torch.tensor([[-4.0], [-3.5]]))
    made = tmp_path_factory.mktemp("codec")
    export(codec, made, "0.0.0")
    return made


def random_codes(batch: int = 2, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 1024, (batch, 4, frames))


def shard(seconds: int = 34) -> Shard:
    rng = np.random.default_rng(2)
    audio = (rng.standard_normal(16000 * seconds) * 2000).astype(np.int16)
    return Shard(audio, np.zeros(100 * seconds, np.float32), np.ones(100 * seconds, np.uint8), 1.0)


def test_shipped_codec_read_back_decodes_as_its_graph_does(folder: Path) -> None:
    codes = random_codes()
    with torch.no_grad():
        found = shipped(folder, "tiny").decode(torch.from_numpy(codes)).numpy()
    assert np.abs(found - Stateful(folder / "onnx/decoder.onnx")(codes)).max() < 1e-4


def test_refiner_trained_on_spectra_comes_nearer_and_is_exported(folder: Path, tmp_path: Path) -> None:
    codec, spectral = shipped(folder, "tiny"), SpectralLoss()
    codes = torch.from_numpy(random_codes(4))
    with torch.no_grad():
        wanted = 2.5 * sound(codec, codes)
    losses, steps = [], optimizers(codec, 3e-3)
    for _ in range(25):
        mel, linear = spectral(sound(codec, codes), wanted)
        losses.append(float(mel.detach()))
        codec.zero_grad()
        (mel + linear).backward()
        for optimizer in steps:
            optimizer.step()
    assert losses[-1] < 0.8 * losses[0]
    export_refined(codec, tmp_path, folder, "0.0.1")
    with torch.no_grad():
        goal = codec.decode(codes).numpy()
    assert np.abs(Stateful(tmp_path / "onnx/decoder.onnx")(codes.numpy()) - goal).max() < 0.02 * np.abs(goal).max()
    assert (tmp_path / "onnx/encoder.onnx").read_bytes() == (folder / "onnx/encoder.onnx").read_bytes()


def test_analysis_in_pieces_is_that_of_the_whole(folder: Path) -> None:
    codec = ShippedCodec(folder)
    audio = np.random.default_rng(4).standard_normal((2, 1, 20 * 320)).astype(np.float32) * 0.1
    unknown = np.full((2, 40), np.nan, np.float32)
    first, states = codec.analyse_on(audio[:, :, : 7 * 320], unknown[:, :14], None)
    second, _ = codec.analyse_on(audio[:, :, 7 * 320 :], unknown[:, 14:], states)
    assert np.abs(np.concatenate([first, second], 1) - codec.analyse(audio, unknown)).max() < 1e-3


def test_shard_encoded_crops_hold_sound_and_its_own_codes(folder: Path) -> None:
    made = encode(ShippedCodec(folder), shard(), np.random.default_rng(0))
    assert made.codes.shape == (STRIPS, 4, made.frames)
    kept, held = made.split(0.25)
    assert kept.frames + held.frames == made.frames
    audio, codes = crops([held], 3, 8, np.random.default_rng(5))
    assert audio.shape == (3, 1, 8 * 320) and codes.shape == (3, 4, 8)
    for row in range(3):
        assert _is_within(held, codes[row].numpy(), audio[row, 0].numpy())


def _is_within(part: Coded, codes: np.ndarray, audio: np.ndarray) -> bool:
    """Whether some strip has these codes where it has this sound."""
    for strip in range(STRIPS):
        for begin in range(part.frames - 8 + 1):
            if (part.codes[strip, :, begin : begin + 8] == codes).all():
                own = part.audio[strip, begin * 320 : (begin + 8) * 320] * (part.gains[strip] / 32768)
                if np.abs(own - audio).max() < 1e-5:
                    return True
    return False


def test_adversary_after_some_steps_tells_noise_from_tones() -> None:
    torch.manual_seed(0)
    adversary = Adversary()
    optimizer = torch.optim.AdamW(adversary.parameters(), 1e-3)
    tones = torch.sin(torch.arange(8000) * torch.rand(4, 1)) * 0.2
    noise = torch.randn(4, 8000) * 0.1
    losses = []
    for _ in range(25):
        loss = adversary.against(tones, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    deceived, alike = adversary.for_codec(tones, noise)
    assert deceived > adversary.for_codec(noise, noise)[0]
    assert alike > 0
