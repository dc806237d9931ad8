"""The choice of files, on listings as the hub's repositories have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxduct.errors import ModelError, UnknownModelError
from voxduct.onnx.whisper_layout import PRECISIONS, WHOLE_GRAPH, choose_files, choose_graphs

BESIDE = ("config.json", "tokenizer.json", "generation_config.json", "preprocessor_config.json", "vocab.json")
DECODERS = ("decoder_model", "decoder_model_merged", "decoder_with_past_model")


def listing(*graphs: str, folder: str = "onnx/") -> dict[str, int]:
    names = [f"{folder}{graph}" for graph in graphs]
    return dict.fromkeys((*BESIDE, *names), 1_000)


COMMUNITY = listing(
    *(f"{stem}{suffix}.onnx"
      for stem in ("encoder_model", *DECODERS)
      for suffix in ("", "_fp16", "_int8", "_quantized", "_uint8", "_q4", "_q4f16", "_bnb4"))
)  # fmt: skip
XENOVA = listing(
    "encoder_model.onnx", "encoder_model.onnx_data", "encoder_model_quantized.onnx",
    "decoder_model_merged.onnx", "decoder_model_merged.onnx_data", "decoder_model_merged_quantized.onnx",
    "decoder_model_quantized.onnx", "decoder_with_past_model_quantized.onnx",
)  # fmt: skip
OPTIMUM = listing("encoder_model.onnx", "decoder_model.onnx", "decoder_with_past_model.onnx", folder="")


def graphs(sizes: dict[str, int], precision: str) -> list[str]:
    return [name.removeprefix("onnx/") for name in choose_files("here", sizes, precision).files if ".onnx" in name]


@pytest.mark.parametrize("precision", [one for one in PRECISIONS if one != "fp32"])
def test_community_export_has_every_precision(precision: str) -> None:
    chosen = choose_files("here", COMMUNITY, precision)
    assert graphs(COMMUNITY, precision) == [f"encoder_model_{precision}.onnx", f"decoder_model_merged_{precision}.onnx"]
    assert chosen.remark is None
    assert "vocab.json" not in chosen.files


@pytest.mark.parametrize(
    ("sizes", "precision", "expected"),
    [
        (COMMUNITY, "fp32", ["encoder_model.onnx", "decoder_model_merged.onnx"]),
        (XENOVA, "int8", ["encoder_model_quantized.onnx", "decoder_model_merged_quantized.onnx"]),
        (XENOVA, "fp16", ["encoder_model.onnx", "decoder_model_merged.onnx", "encoder_model.onnx_data",
                          "decoder_model_merged.onnx_data"]),
        (OPTIMUM, "int8", ["encoder_model.onnx", "decoder_model.onnx", "decoder_with_past_model.onnx"]),
    ],
    ids=["community-fp32", "xenova-int8", "xenova-fp16", "optimum-split"],
)  # fmt: skip
def test_files_of_a_family_are_chosen(sizes: dict[str, int], precision: str, expected: list[str]) -> None:
    assert graphs(sizes, precision) == expected


def test_weights_beside_a_graph_that_holds_its_own_are_left_out() -> None:
    sizes = XENOVA | {"onnx/decoder_model_merged.onnx": WHOLE_GRAPH}
    assert "decoder_model_merged.onnx_data" not in graphs(sizes, "fp32")


def test_split_decoder_is_taken_whole_or_not_at_all() -> None:
    sizes = listing("encoder_model_int8.onnx", "decoder_model_int8.onnx", "decoder_model_merged_q4.onnx")
    assert graphs(sizes, "int8") == ["encoder_model_int8.onnx", "decoder_model_merged_q4.onnx"]


def test_split_decoder_of_the_precision_goes_before_a_merged_one_of_another() -> None:
    sizes = listing(
        "encoder_model_int8.onnx", "decoder_model_int8.onnx", "decoder_with_past_model_int8.onnx",
        "decoder_model_merged_q4.onnx",
    )  # fmt: skip
    assert graphs(sizes, "int8")[1:] == ["decoder_model_int8.onnx", "decoder_with_past_model_int8.onnx"]


def test_16_and_32_bit_graphs_are_not_mixed_while_others_are_there() -> None:
    sizes = listing("encoder_model_fp16.onnx", "encoder_model.onnx", "decoder_model_merged_q4.onnx")
    assert graphs(sizes, "fp16") == ["encoder_model.onnx", "decoder_model_merged_q4.onnx"]


def test_remark_names_what_was_taken_instead() -> None:
    remark = choose_files("here", XENOVA, "fp16").remark
    assert remark == "fp16 is not there in full: takes the encoder in fp32 and the decoder in fp32"


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json"])
def test_missing_file_is_named(missing: str) -> None:
    sizes = {name: size for name, size in COMMUNITY.items() if name != missing}
    with pytest.raises(ModelError, match=f"here lacks {missing}"):
        choose_files("here", sizes, "int8")


def test_unknown_precision_names_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="'int4' is no precision; choose of int8, quantized"):
        choose_files("here", COMMUNITY, "int4")


NAMES = [f"{folder}{stem}{suffix}.onnx"
         for folder in ("", "onnx/") for stem in ("encoder_model", *DECODERS)
         for suffix in ("", "_int8", "_fp16", "_q4")]  # fmt: skip


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from([None, *PRECISIONS]))
def test_chosen_graphs_are_there_and_fit_each_other(names: set[str], precision: str | None) -> None:
    chosen = choose_graphs(names, precision)
    if chosen is None:
        return
    assert set(chosen.names) <= names
    assert len({name.rpartition("/")[0] for name in chosen.names}) == 1
    suffix = "" if chosen.decoder_precision == "fp32" else f"_{chosen.decoder_precision}"
    assert all(name.endswith(f"{suffix}.onnx") for name in chosen.names[1:])
    assert (chosen.decoder_with_past is None) == ("merged" in chosen.decoder)
