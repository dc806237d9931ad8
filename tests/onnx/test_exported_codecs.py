"""Exported codecs against the models that they were exported from: code by code, and sample by sample."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import codec_exports, codec_stand_ins, mimi_streaming
from tests.codec_exports import ExportedModel
from voxduct.codec.clip import resample
from voxduct.codec.packed import pack, unpack
from voxduct.codec.stream import CodecDecoderStream, CodecEncoderStream, encode_all
from voxduct.errors import AudioFormatError, InferenceError, ModelError
from voxduct.onnx.codecs import ExportedCodec

TOLERANCE = 1e-4


class Exports(dict[str, ExportedModel]):
    """Exports by name, each made when first asked for."""

    makers: dict[str, Callable[[Path], ExportedModel]] = {  # noqa: RUF012
        "dac": codec_exports.dac,
        "encodec": codec_exports.encodec,
        "encodec_scaled": codec_exports.encodec_scaled,
        "encodec_stretched": codec_exports.encodec_stretched,
        "mimi": codec_exports.mimi,
        "mimi_streaming": mimi_streaming.streaming_mimi,
        "snac": codec_stand_ins.snac,
        "wavtokenizer": codec_stand_ins.wavtokenizer,
    }

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, name: str) -> ExportedModel:
        torch.set_num_threads(1)
        self[name] = self.makers[name](self._root / name)
        return self[name]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return Exports(tmp_path_factory.mktemp("codecs"))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.3, count).astype(np.float32)


def reference(name: str, export: ExportedModel, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of shape [books, frames], and samples, as the model itself makes them."""
    model, audio = export.model, torch.tensor(samples)[None, None]
    with torch.no_grad():
        if name == "dac":
            codes = model.encode(audio).audio_codes
            return codes[0].numpy(), model.decode(audio_codes=codes).audio_values.numpy().reshape(-1)
        if name.startswith("encodec"):
            found = model.encode(audio, bandwidth=6.0)
            back = model.decode(found.audio_codes, found.audio_scales)[0]
            return np.concatenate(found.audio_codes[:, 0].numpy(), axis=1), back.numpy().reshape(-1)
        codes = model.encode(audio).audio_codes
        return codes[0].numpy(), model.decode(codes)[0].numpy().reshape(-1)


@pytest.mark.parametrize(("name", "books", "kbps"), [
    ("dac", 3, 43.2), ("encodec", 4, 6.0), ("encodec_scaled", 4, 6.0), ("mimi", 4, 2.0), ("mimi_streaming", 4, 2.0),
    ("snac", 3, 3.15), ("wavtokenizer", 1, 0.72),
])  # fmt: skip
def test_codec_description_follows_from_configuration_and_graphs(
    exported: Exports, name: str, books: int, kbps: float
) -> None:
    about = ExportedCodec(exported[name].folder).description
    assert about.num_books == books
    assert about.kbps == pytest.approx(kbps)
    assert about.family == name.partition("_")[0]


@pytest.mark.parametrize(("name", "frames"), [
    ("dac", 40), ("dac", 57), ("encodec", 40), ("encodec", 57), ("encodec_scaled", 40), ("encodec_scaled", 57),
    ("encodec_stretched", 45), ("mimi", 12), ("mimi", 31), ("mimi_streaming", 12), ("mimi_streaming", 131),
])  # fmt: skip
def test_clip_through_an_export_is_what_transformers_makes_of_it(exported: Exports, name: str, frames: int) -> None:
    codec = ExportedCodec(exported[name].folder)
    samples = noise(frames * codec.frame_size)
    codes, sound = reference(name, exported[name], samples)
    packed = codec.encode_clip(samples)
    back = codec.decode_clip(packed)
    assert np.array_equal(packed.codes, codes)
    assert len(np.unique(codes)) > 8  # else equal codes prove nothing
    made = min(len(back), len(sound))
    assert len(back) == len(samples) and len(samples) - made < codec.frame_size
    assert np.abs(back[:made] - sound[:made]).max() < TOLERANCE < np.abs(sound).max() / 50


def test_clip_of_no_whole_frames_is_as_with_silence_behind(exported: Exports) -> None:
    codec = ExportedCodec(exported["dac"].folder)
    samples = noise(407)
    codes, _ = reference("dac", exported["dac"], np.pad(samples, (0, 3)))
    packed = codec.encode_clip(samples)
    assert np.array_equal(packed.codes, codes)
    assert len(codec.decode_clip(packed)) == 407


@pytest.mark.parametrize("step", [1, 2, 7, 50])
def test_streaming_mimi_any_pieces_give_what_transformers_makes_of_the_whole(exported: Exports, step: int) -> None:
    export = exported["mimi_streaming"]
    codec = ExportedCodec(export.folder)
    assert codec.streams
    samples = noise(50 * codec.frame_size)
    codes, sound = reference("mimi", export, samples)
    encoder, decoder = CodecEncoderStream(codec), CodecDecoderStream(codec)
    size = step * codec.frame_size - 5  # chunks that are no whole frames
    found = [encoder.feed(samples[at : at + size]) for at in range(0, len(samples), size)]
    made = [decoder.feed(codes[:, at : at + step]) for at in range(0, 50, step)]
    assert np.array_equal(np.concatenate([*found, encoder.flush()], axis=1), codes)
    assert np.abs(np.concatenate(made) - sound).max() < TOLERANCE


def test_streaming_mimi_streams_do_not_hear_each_other(exported: Exports) -> None:
    codec = ExportedCodec(exported["mimi_streaming"].folder)
    samples = noise(8 * codec.frame_size)
    alone = encode_all(samples, codec)
    first, second = codec.new_encoder_state(), codec.new_encoder_state()
    found = []
    for at in range(0, len(samples), codec.frame_size):
        found.append(codec.encode(samples[at : at + codec.frame_size], first))
        codec.encode(samples[::-1][at : at + codec.frame_size], second)
    assert np.array_equal(np.concatenate(found, axis=1), alone)


def test_failed_run_keeps_the_state(exported: Exports) -> None:
    codec = ExportedCodec(exported["mimi_streaming"].folder)
    codes = codec.encode_clip(noise(4 * codec.frame_size)).codes
    whole = codec.decode(codes, codec.new_decoder_state())
    state = codec.new_decoder_state()
    first = codec.decode(codes[:, :2], state)
    with pytest.raises(InferenceError, match="outside 0 to 31"):
        codec.decode(codes[:, 2:] + 32, state)
    with pytest.raises(InferenceError, match="4 books"):
        codec.decode(codes[:3, 2:], state)
    assert np.abs(np.concatenate([first, codec.decode(codes[:, 2:], state)]) - whole).max() < TOLERANCE


def test_foreign_state_raises_type_error(exported: Exports) -> None:
    codec = ExportedCodec(exported["mimi_streaming"].folder)
    with pytest.raises(TypeError, match=r"decoder_model\.onnx"):
        codec.decode(np.zeros((4, 1), np.int64), codec.new_encoder_state())


# Of SNAC and WavTokenizer only the shapes are proven: the modules below are stand-ins.


def test_snac_shape_puts_codes_of_three_rates_into_one_frame(exported: Exports) -> None:
    export = exported["snac"]
    codec = ExportedCodec(export.folder)
    assert codec.description.rates == (1, 2, 4)
    samples = noise(10 * codec.frame_size)
    slow, middle, fast = (one.numpy()[0] for one in export.model.encode(torch.tensor(samples)[None, None]))
    packed = codec.encode_clip(samples)
    assert packed.codes.shape == (7, 10)
    assert np.array_equal(packed.codes[0], slow)
    assert np.array_equal(packed.codes[1:3].T.reshape(-1), middle)
    assert np.array_equal(packed.codes[3:].T.reshape(-1), fast)
    sound = export.model.decode(*(torch.tensor(one)[None] for one in (slow, middle, fast))).numpy().reshape(-1)
    assert np.abs(codec.decode_clip(unpack(pack(packed))) - sound).max() < TOLERANCE


@pytest.mark.parametrize("frames", [3, 10, 27])
def test_snac_shape_decoder_of_one_length_takes_any(tmp_path: Path, frames: int) -> None:
    export = codec_stand_ins.snac(tmp_path, fixed=True)
    codec = ExportedCodec(export.folder)
    packed = codec.encode_clip(noise(frames * codec.frame_size))
    parts = (packed.codes[:1], packed.codes[1:3], packed.codes[3:])
    sound = export.model.decode(*(torch.tensor(part.T.reshape(1, -1)) for part in parts)).numpy().reshape(-1)
    assert np.abs(codec.decode_clip(packed) - sound).max() < TOLERANCE


def test_snac_config_without_a_type_is_recognised(exported: Exports, tmp_path: Path) -> None:
    folder = copied(exported["snac"].folder, tmp_path)
    config = {"sampling_rate": 2400, "encoder_rates": [2, 4], "vq_strides": [4, 2, 1], "codebook_size": 64}
    codec_exports.write_config(folder, config)
    assert ExportedCodec(folder).description.family == "snac"


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("frames", [3, 20, 47])
def test_wavtokenizer_shape_any_length_gives_one_book(tmp_path: Path, fixed: bool, frames: int) -> None:
    export = codec_stand_ins.wavtokenizer(tmp_path, fixed)
    codec = ExportedCodec(export.folder)
    samples = noise(frames * 20 - 4)
    whole = torch.tensor(np.pad(samples, (0, 4)))[None]
    codes = export.model.encode(whole)[0]
    packed = codec.encode_clip(samples)
    assert np.array_equal(packed.codes, codes.numpy())
    back = codec.decode_clip(packed)
    assert np.abs(back - export.model.decode(codes).numpy()[0, : len(samples)]).max() < TOLERANCE


def test_encoder_that_is_not_there_still_decodes(exported: Exports, tmp_path: Path) -> None:
    folder = copied(exported["snac"].folder, tmp_path)
    packed = ExportedCodec(folder).encode_clip(noise(320))
    (folder / "onnx/encoder_model.onnx").unlink()
    codec = ExportedCodec(folder)
    assert len(codec.decode_clip(packed)) == 320
    with pytest.raises(ModelError, match="only decodes"):
        codec.encode_clip(noise(320))


def test_scales_are_kept_in_the_file(exported: Exports) -> None:
    codec = ExportedCodec(exported["encodec_scaled"].folder)
    loud, quiet = (codec.encode_clip(noise(320) * np.float32(gain)) for gain in (1.0, 0.01))
    assert quiet.scales[0] == pytest.approx(loud.scales[0] / 100, rel=1e-3)
    back = codec.decode_clip(unpack(pack(quiet)))
    assert np.abs(back - codec.decode_clip(loud) / 100).max() < TOLERANCE
    with pytest.raises(AudioFormatError, match="lack their scales"):
        codec.decode_clip(replace(quiet, scales=()))
    with pytest.raises(InferenceError, match="whole clips"):
        codec.encode(noise(320), codec.new_encoder_state())


def test_engine_audio_comes_back_at_its_own_rate_and_place(exported: Exports) -> None:
    seconds = np.arange(16_000) / 16_000
    tone = (0.4 * np.sin(2 * np.pi * 200 * seconds)).astype(np.float32)
    there = resample(tone, 16_000, 24_000)
    back = resample(there, 24_000)
    assert len(there) == 24_000 and len(back) == 16_000
    assert np.abs(back - tone)[200:-200].max() < 1e-3


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "codec"))
