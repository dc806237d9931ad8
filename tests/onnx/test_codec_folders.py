"""What a folder must hold to be a codec, and what is said where it does not; on graphs of a node or two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.codec_graphs import (
    DAC,
    FLOAT,
    INT,
    cast,
    value,
    write_codec,
    write_config,
    write_decoder,
    write_encoder,
    write_graph,
)
from voxduct.errors import AudioFormatError, InferenceError, ModelError, UnknownModelError
from voxduct.onnx.codecs import ExportedCodec
from voxduct.onnx.codecs.families import Family, read_facts
from voxduct.onnx.codecs.files import find_files
from voxduct.onnx.codecs.graph import Graph


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole codec; tests take something from it or add something."""
    return write_codec(tmp_path)


@pytest.mark.parametrize("kind", [FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_codec_whatever_names_and_types_encodes_and_decodes(folder: Path, kind: int) -> None:
    write_encoder(folder, kind=kind)
    codec = ExportedCodec(folder)
    samples = np.repeat(np.arange(7, dtype=np.float32), 10)[:-4]
    packed = codec.encode_clip(samples)
    assert packed.codes.tolist() == [[0, 1, 2, 3, 4, 5, 3]]  # the last mean is of six samples and four of silence
    assert np.array_equal(codec.decode_clip(packed)[:60], samples[:60])
    assert len(codec.decode_clip(packed)) == 66


@pytest.mark.parametrize(("config", "wanted"), [
    ({"model_type": "whisper"}, "'whisper', which is no codec"),
    ({"model_type": "custom"}, r"codec\.json"),
    ({}, "neither config.json nor codec.json"),
    ("[1]", "no JSON object"),
    ("{", "cannot be read"),
    ({"model_type": "dac", "sampling_rate": 8000, "codebook_size": 16}, "no downsampling_ratios"),
    ({**DAC, "sampling_rate": "fast"}, "sampling_rate is 'fast'"),
    ({**DAC, "codebook_size": 1}, "cardinality is 1"),
    ({**DAC, "downsampling_ratios": [2, -5]}, "frame_size is -10"),
    ({"model_type": "mimi", "sampling_rate": 8000, "frame_rate": 12.7, "codebook_size": 16}, "no whole number"),
    ({"sampling_rate": 8000, "encoder_rates": [2], "vq_strides": [4, 3], "codebook_size": 16}, "vq_strides are"),
    ({"sampling_rate": 8000, "encoder_rates": [2], "vq_strides": [4, 0], "codebook_size": 16}, "by zero"),
])  # fmt: skip
def test_config_that_does_not_say_enough_raises_model_error(tmp_path: Path, config: object, wanted: str) -> None:
    write_config(tmp_path, config)
    with pytest.raises(ModelError, match=wanted):
        read_facts(tmp_path)


@pytest.mark.parametrize(("config", "wanted"), [
    ({"model_type": "encodec", "sampling_rate": 24000, "upsampling_ratios": [8, 5, 4, 2], "codebook_size": 1024}, 320),
    ({"model_type": "dac", "sampling_rate": 24000, "downsampling_ratios": [2, 4, 5, 8], "hop_length": 512,
      "codebook_size": 1024}, 320),
    ({"model_type": "mimi", "sampling_rate": 24000, "frame_rate": 12.5, "codebook_size": 2048}, 1920),
    ({"model_type": "mimi", "sampling_rate": 24000, "upsampling_ratios": [8, 6, 5, 4], "codebook_size": 2048}, 1920),
    ({"sampling_rate": 24000, "encoder_rates": [2, 4, 8, 8], "vq_strides": [4, 2, 1], "codebook_size": 4096}, 2048),
    ({"model_type": "wavtokenizer", "sampling_rate": 24000, "hop_length": 320, "codebook_size": 4096}, 320),
])  # fmt: skip
def test_published_config_gives_the_published_frame(tmp_path: Path, config: object, wanted: int) -> None:
    write_config(tmp_path, config)
    assert read_facts(tmp_path).frame_size == wanted


def test_published_snac_config_gives_the_published_rate(tmp_path: Path) -> None:
    config = {"sampling_rate": 24000, "encoder_rates": [2, 4, 8, 8], "vq_strides": [4, 2, 1], "codebook_size": 4096}
    write_config(tmp_path, config)
    assert read_facts(tmp_path).rates == (1, 2, 4)


def test_sampling_rate_is_taken_from_the_preprocessor_where_config_has_none(tmp_path: Path) -> None:
    write_config(tmp_path, {key: of for key, of in DAC.items() if key != "sampling_rate"})
    write_config(tmp_path, {"sampling_rate": 44_100}, "preprocessor_config.json")
    assert read_facts(tmp_path).sample_rate == 44_100


def test_own_config_goes_before_the_published_one(folder: Path) -> None:
    write_config(folder, {"cardinality": 99, "decoder": "speaker.onnx", "delay_samples": 3}, "codec.json")
    facts = read_facts(folder)
    assert (facts.cardinality, facts.encoder, facts.decoder) == (99, "encoder_model", "speaker")
    assert facts.delay_samples == 3


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.floats(), st.text(max_size=5),
    st.lists(st.one_of(st.integers(-2, 9), st.floats(), st.text(max_size=2)), max_size=4), st.just({}),
)  # fmt: skip
KEYS = (
    "sampling_rate", "frame_size", "cardinality", "codebook_size", "upsampling_ratios", "downsampling_ratios", "rates",
    "frame_rate", "encoder_rates", "vq_strides", "hop_length", "delay_samples", "encoder", "decoder",
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    family=st.one_of(st.sampled_from(list(Family)), VALUES),
    config=st.dictionaries(st.sampled_from(KEYS), VALUES),
    own=st.dictionaries(st.sampled_from(KEYS), VALUES),
)
def test_any_config_is_understood_or_raises_model_error(
    tmp_path: Path, family: object, config: dict[str, object], own: dict[str, object]
) -> None:
    write_config(tmp_path, {"model_type": family, **config})
    write_config(tmp_path, own, "codec.json")
    try:
        facts = read_facts(tmp_path)
    except ModelError:
        return
    assert facts.sample_rate >= 1 and facts.frame_size >= 1 and facts.cardinality >= 2
    assert facts.rates is None or min(facts.rates) >= 1


def test_own_config_that_says_all_needs_no_other(tmp_path: Path) -> None:
    facts = {"family": "mimi", "sampling_rate": 24_000, "frame_size": 1920, "cardinality": 2048}
    write_config(tmp_path, facts, "codec.json")
    assert read_facts(tmp_path).frame_size == 1920
    write_config(tmp_path, {key: of for key, of in facts.items() if key != "cardinality"}, "codec.json")
    with pytest.raises(ModelError, match="no upsampling_ratios"):
        read_facts(tmp_path)


@pytest.mark.parametrize("name", ["../encoder_model", "/encoder", "", 7])
def test_own_config_that_names_no_graph_raises_model_error(folder: Path, name: object) -> None:
    write_config(folder, {"encoder": name}, "codec.json")
    with pytest.raises(ModelError, match="no name of a graph"):
        read_facts(folder)


def test_folder_without_graphs_raises_model_error_naming_them(tmp_path: Path) -> None:
    write_config(tmp_path, DAC)
    with pytest.raises(ModelError, match=r"expected onnx/encoder_model\.onnx"):
        ExportedCodec(tmp_path)


def test_damaged_graph_raises_model_error_naming_it(folder: Path) -> None:
    (folder / "onnx/decoder_model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"decoder_model\.onnx cannot be loaded"):
        ExportedCodec(folder)


def test_precision_unless_asked_for_is_the_most_exact(tmp_path: Path) -> None:
    write_config(tmp_path, DAC)
    for name in ("encoder_model_int8", "encoder_model_fp16", "decoder_model", "decoder_model_int8"):
        (tmp_path / f"{name}.onnx").touch()
    facts = read_facts(tmp_path)
    found = find_files(tmp_path, facts)
    assert (found.encoder, found.decoder) == (tmp_path / "encoder_model_fp16.onnx", tmp_path / "decoder_model.onnx")
    assert find_files(tmp_path, facts, "int8").decoder == tmp_path / "decoder_model_int8.onnx"
    with pytest.raises(UnknownModelError, match="has no q4; it has fp32, fp16, int8"):
        find_files(tmp_path, facts, "q4")


def test_encoder_of_two_channels_raises_model_error(folder: Path) -> None:
    write_encoder(folder, sound=[1, 2, "n"], codes=[1, 2, "m"])
    with pytest.raises(ModelError, match=r"one channel.*sound float32 \[1, 2, \?\]"):
        ExportedCodec(folder)


def test_decoder_in_the_encoders_place_raises_model_error(folder: Path) -> None:
    decoder = folder / "onnx/decoder_model.onnx"
    decoder.rename(folder / "onnx/encoder_model.onnx")
    with pytest.raises(ModelError, match="is no encoder: those take sound"):
        ExportedCodec(folder)


def test_encoder_in_the_decoders_place_raises_model_error(folder: Path) -> None:
    encoder = folder / "onnx/encoder_model.onnx"
    encoder.rename(folder / "onnx/decoder_model.onnx")
    with pytest.raises(ModelError, match="is no decoder: those take codes"):
        ExportedCodec(folder)


def test_decoder_that_takes_more_than_scales_raises_model_error(folder: Path) -> None:
    write_decoder(folder, extra=[value("scales", FLOAT, [1]), value("mood", FLOAT, [1])])
    with pytest.raises(ModelError, match="mood float32"):
        ExportedCodec(folder)


def test_decoder_with_scales_that_no_encoder_gives_raises_model_error(folder: Path) -> None:
    write_decoder(folder, extra=[value("scales", FLOAT, [1])])
    with pytest.raises(ModelError, match="gives no scales"):
        ExportedCodec(folder)


def test_graph_that_exchanges_text_raises_model_error(folder: Path) -> None:
    write_decoder(folder, extra=[value("text", TensorProto.STRING, [1])])
    with pytest.raises(ModelError, match=r"text as tensor\(string\)"):
        ExportedCodec(folder)


def test_halves_of_two_codecs_raise_model_error(folder: Path) -> None:
    write_decoder(folder, codes=[1, 4, "m"])
    with pytest.raises(ModelError, match="two codecs"):
        ExportedCodec(folder)


def test_books_that_graphs_leave_open_are_counted(folder: Path) -> None:
    write_encoder(folder, codes=[1, "books", "m"])
    write_decoder(folder, codes=[1, "books", "m"])
    assert ExportedCodec(folder).num_codebooks == 1


def test_codes_of_which_the_graph_says_no_shape_are_understood(folder: Path) -> None:
    path = folder / "onnx/encoder_model.onnx"
    nodes = [  # a shape that depends on what is not zero cannot be inferred
        helper.make_node("AveragePool", ["sound"], ["means"], kernel_shape=[10], strides=[10]),
        helper.make_node("Shape", ["means"], ["sizes"]), helper.make_node("NonZero", ["sizes"], ["some"]),
        helper.make_node("Squeeze", ["some"], ["which"]), helper.make_node("Gather", ["sizes", "which"], ["shape"]),
        helper.make_node("Reshape", ["means", "shape"], ["shaped"]), cast("shaped", "found", INT),
    ]  # fmt: skip
    write_graph(path, [value("sound", FLOAT, [1, 1, "n"])], [value("found", INT, None)], nodes)
    assert Graph(path).outputs[0].shape == ()
    assert ExportedCodec(folder).encode_clip(np.ones(30, np.float32)).codes.tolist() == [[1, 1, 1]]


def test_longest_clip_that_can_be_encoded_can_be_decoded(folder: Path) -> None:
    codec = ExportedCodec(folder)
    samples = np.ones(8000 * 600 - 3, np.float32)
    assert len(codec.decode_clip(codec.encode_clip(samples))) == len(samples)


def test_books_that_nobody_counts_raise_model_error(folder: Path) -> None:
    (folder / "onnx/encoder_model.onnx").unlink()
    write_decoder(folder, codes=[1, "books", "m"])
    with pytest.raises(ModelError, match="how many books"):
        ExportedCodec(folder)
    write_config(folder, {"rates": [1]}, "codec.json")
    assert ExportedCodec(folder).num_codebooks == 1


def test_codes_in_several_tensors_without_rates_raise_model_error(folder: Path) -> None:
    outputs = [value(f"codes_{index}", INT, [1, 1, "m"]) for index in range(2)]
    nodes = [cast("sound", f"codes_{index}", INT) for index in range(2)]
    write_graph(folder / "onnx/encoder_model.onnx", [value("sound", FLOAT, [1, 1, "n"])], outputs, nodes)
    (folder / "onnx/decoder_model.onnx").unlink()
    with pytest.raises(ModelError, match=r"codes in 2 tensors.*codec\.json"):
        ExportedCodec(folder)


def test_frame_size_that_is_wrong_raises_inference_error(folder: Path) -> None:
    write_config(folder, {"frame_size": 5}, "codec.json")
    with pytest.raises(InferenceError, match="books and frame size"):
        ExportedCodec(folder).encode_clip(np.zeros(100, np.float32))
    write_config(folder, {"frame_size": 25}, "codec.json")
    codec = ExportedCodec(folder)
    with pytest.raises(InferenceError, match="20 samples of 2 frames of 25"):
        codec.decode(np.zeros((1, 2), np.int64), codec.new_decoder_state())


@pytest.mark.parametrize(("samples", "wanted"), [
    (np.zeros(0, np.float32), "no sound to encode"),
    (np.full(9, np.nan, np.float32), "NaN"),
    (np.zeros(8000 * 601, np.float32), "601 s are more than"),
])  # fmt: skip
def test_clip_that_cannot_be_encoded_raises_audio_format_error(folder: Path, samples: np.ndarray, wanted: str) -> None:
    with pytest.raises(AudioFormatError, match=wanted):
        ExportedCodec(folder).encode_clip(samples)


def test_states_are_found_by_either_naming_and_start_empty_or_zero(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    inputs = [
        value("past_key_values.0.key", FLOAT, ["batch", 2, "seen", 4]), value("past_conv_state", FLOAT, [1, 3]),
        value("state_tail", FLOAT, [1, 5]), value("sound", FLOAT, [1, "n"]),
    ]  # fmt: skip
    outputs = [
        value("present.0.key", FLOAT, ["batch", 2, "later", 4]), value("present_conv_state", FLOAT, [1, 3]),
        value("out_state_tail", FLOAT, [1, 5]), value("made", FLOAT, [1, "n"]),
    ]  # fmt: skip
    one = helper.make_tensor("one", FLOAT, [1], [1])
    nodes = [helper.make_node("Constant", [], ["one"], value=one)]
    pairs = zip(inputs, outputs, strict=True)
    nodes += [helper.make_node("Add", [given.name, "one"], [made.name]) for given, made in pairs]  # type: ignore[attr-defined]
    write_graph(path, inputs, outputs, nodes)
    graph = Graph(path)
    assert [port.name for port in graph.inputs] == ["sound"]
    assert [port.name for port in graph.outputs] == ["made"]
    memory = graph.new_memory()
    assert {name: state.shape for name, state in memory.tensors.items()} == {
        "past_conv_state": (1, 3), "past_key_values.0.key": (1, 2, 0, 4), "state_tail": (1, 5),
    }  # fmt: skip
    for _ in range(2):
        graph.run({"sound": np.zeros((1, 2), np.float32)}, graph.outputs, memory)
    assert memory.tensors["state_tail"].tolist() == [[2.0] * 5]
    with pytest.raises(InferenceError):
        graph.run({"sound": np.zeros((2, 2, 2), np.float32)}, graph.outputs, memory)
    assert memory.tensors["state_tail"].tolist() == [[2.0] * 5]
