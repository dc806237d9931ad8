"""Lyra behind the codec's contract: streams, states, errors; on tiny files, and on the published ones if here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.lyra_files import CLIP, FRAME, published, write_tiny
from voxduct.codec.lyra import Rate, pack_stream, unpack_stream
from voxduct.codec.stream import CodecDecoderStream, CodecEncoderStream, decode_all, encode_all
from voxduct.codec.stretches import StretchDecoder, StretchEncoder, WireCodec
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Codec
from voxduct.onnx.lyra import LyraCodec, LyraModel
from voxduct.onnx.prepare.lyra import prepare_lyra


@pytest.fixture(scope="module")
def model(lyra_folder: Path) -> LyraModel:
    return LyraModel(lyra_folder)


@pytest.fixture(scope="module")
def sound(lyra_files: Path) -> np.ndarray:
    if (lyra_files / CLIP).is_file():
        return np.asarray(soundfile.read(lyra_files / CLIP, dtype="float32")[0])
    return np.random.default_rng(0).normal(0, 0.1, FRAME * 12 + 50).astype(np.float32)


@pytest.mark.parametrize("rate", list(Rate))
def test_codec_says_what_the_contract_says(model: LyraModel, rate: Rate) -> None:
    codec: Codec = LyraCodec(model, rate)
    assert (codec.sample_rate, codec.frame_size, codec.cardinality) == (16_000, 320, 16)
    assert codec.num_codebooks == rate.num_quantizers


@pytest.mark.parametrize("rate", list(Rate))
@pytest.mark.parametrize("size", [1, 160, 319, 320, 321, 1000])
def test_encoder_codes_do_not_depend_on_how_the_sound_was_cut(
    model: LyraModel, sound: np.ndarray, rate: Rate, size: int
) -> None:
    codec, part = LyraCodec(model, rate), sound[: FRAME * 12 + 50]
    stream = CodecEncoderStream(codec)
    codes = [stream.feed(part[at : at + size]) for at in range(0, len(part), size)]
    assert np.array_equal(np.concatenate([*codes, stream.flush()], axis=1), encode_all(part, codec))


@pytest.mark.parametrize("step", [1, 2, 5])
def test_decoder_stream_equals_whole(model: LyraModel, sound: np.ndarray, step: int) -> None:
    codec = LyraCodec(model, Rate.KBPS_6)
    codes = encode_all(sound, codec)
    stream = CodecDecoderStream(codec)
    samples = [stream.feed(codes[:, at : at + step]) for at in range(0, codes.shape[1], step)]
    assert np.array_equal(np.concatenate(samples), decode_all(codes, codec))


@pytest.mark.parametrize("rate", list(Rate))
def test_packets_of_a_stretch_hold_lyras_own_and_become_the_same_sound(
    model: LyraModel, sound: np.ndarray, rate: Rate
) -> None:
    codec, part = LyraCodec(model, rate), sound[: FRAME * 12 + 50]
    wire = WireCodec.of(codec, f"lyra-{rate.kbps:g}", "v1.3.2", codec.delay_samples)
    encoder = StretchEncoder(wire)
    sounds = [one for piece in np.array_split(part, 5) for one in encoder.feed(piece)] + encoder.end()
    assert b"".join(wire.format.encode(replace(one, begins=False, ends=False))[2:] for one in sounds) == pack_stream(
        encode_all(part, codec)
    )
    decoder = StretchDecoder(wire)
    decoded = np.concatenate([decoder.decode(wire.format.decode(wire.format.encode(one))) for one in sounds])
    assert np.array_equal(decoded, decode_all(encode_all(part, codec), codec)[: len(part)])


def test_streams_share_sessions_and_nothing_else(model: LyraModel, sound: np.ndarray) -> None:
    codecs = [LyraCodec(model, rate) for rate in Rate]
    alone = [encode_all(sound[: FRAME * 10], codec) for codec in codecs]
    states = [codec.new_encoder_state() for codec in codecs]
    made: list[list[np.ndarray]] = [[] for _ in codecs]
    for at in range(0, FRAME * 10, FRAME):
        for codec, state, codes in zip(codecs, states, made, strict=True):
            codes.append(codec.encode(sound[at : at + FRAME], state))
    for codes, expected in zip(made, alone, strict=True):
        assert np.array_equal(np.concatenate(codes, axis=1), expected)


def test_streams_in_threads_say_what_they_say_alone(model: LyraModel, sound: np.ndarray) -> None:
    codec = LyraCodec(model, Rate.KBPS_3_2)
    pieces = [sound[shift : shift + FRAME * 10] for shift in (0, 40, 80)]
    alone = [decode_all(encode_all(piece, codec), codec) for piece in pieces]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda piece: decode_all(encode_all(piece, codec), codec), pieces))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_lower_rates_are_the_first_codes_of_higher_ones(model: LyraModel, sound: np.ndarray) -> None:
    low, high = (encode_all(sound, LyraCodec(model, rate)) for rate in (Rate.KBPS_3_2, Rate.KBPS_9_2))
    assert np.array_equal(low, high[:16])


def test_decoder_of_any_rate_takes_codes_of_any_rate(model: LyraModel, sound: np.ndarray) -> None:
    codes = encode_all(sound, LyraCodec(model, Rate.KBPS_3_2))
    one, other = (decode_all(codes, LyraCodec(model, rate)) for rate in (Rate.KBPS_3_2, Rate.KBPS_9_2))
    assert np.array_equal(one, other)


def test_packets_carry_the_codes(model: LyraModel, sound: np.ndarray) -> None:
    for rate in Rate:
        codes = encode_all(sound, LyraCodec(model, rate))
        assert np.array_equal(unpack_stream(pack_stream(codes), rate), codes)


@pytest.mark.parametrize("count", [0, 319, 321])
def test_encode_of_no_whole_frames_raises_and_keeps_the_state(model: LyraModel, sound: np.ndarray, count: int) -> None:
    codec = LyraCodec(model)
    state = codec.new_encoder_state()
    with pytest.raises(InferenceError, match="whole frames"):
        codec.encode(sound[:count], state)
    assert np.array_equal(codec.encode(sound[:FRAME], state), encode_all(sound[:FRAME], codec))


@pytest.mark.parametrize("codes", [np.zeros((47, 1)), np.zeros((16, 0)), np.full((16, 1), 16), np.full((16, 1), -2)])
def test_decode_of_codes_that_cannot_be_raises_and_keeps_the_state(model: LyraModel, codes: np.ndarray) -> None:
    codec = LyraCodec(model)
    state = codec.new_decoder_state()
    with pytest.raises(InferenceError):
        codec.decode(codes.astype(np.int64), state)
    good = np.full((16, 1), 3)
    assert np.array_equal(codec.decode(good, state), decode_all(good, codec))


def test_codec_foreign_state_raises_type_error(model: LyraModel, sound: np.ndarray) -> None:
    codec = LyraCodec(model)
    with pytest.raises(TypeError):
        codec.encode(sound[:FRAME], LyraCodec(model, Rate.KBPS_6).new_encoder_state())
    with pytest.raises(TypeError):
        codec.decode(np.zeros((16, 1), np.int64), codec.new_encoder_state())


@pytest.mark.parametrize("name", ["config.json", "onnx/encoder.onnx", "codebooks.npy"])
def test_model_without_a_file_raises_model_error_naming_it(tmp_path: Path, name: str) -> None:
    folder = prepare_lyra(write_tiny(tmp_path / "in"), tmp_path / "out")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=Path(name).name):
        LyraModel(folder)


@pytest.mark.model
@pytest.mark.parametrize(("rate", "least"), [(Rate.KBPS_3_2, 0.85), (Rate.KBPS_6, 0.9), (Rate.KBPS_9_2, 0.93)])
def test_published_weights_give_back_the_clip(tmp_path: Path, rate: Rate, least: float) -> None:
    files = published()
    codec = LyraCodec(LyraModel(prepare_lyra(files, tmp_path / "lyra")), rate)
    clip = soundfile.read(files / CLIP, dtype="float32")[0]
    back = decode_all(encode_all(clip, codec), codec)[: len(clip)]
    assert np.corrcoef(clip, back)[0, 1] > least
