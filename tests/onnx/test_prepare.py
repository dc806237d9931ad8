"""Prepared graphs against the untouched export and against transformers, on Whispers of random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from tests.onnx.conftest import FAMILIES, ExportedWhisper, Exports
from voxduct.errors import ModelError, ServerError
from voxduct.onnx.graph import Graph
from voxduct.onnx.prepare import Precision, prepare_whisper
from voxduct.onnx.prepare.cache import read_record
from voxduct.onnx.prepare.folder import IN_PLACE, MERGED
from voxduct.onnx.runtime import open_session
from voxduct.onnx.whisper import OnnxWhisper
from voxduct.onnx.whisper_encoding import STATES, Encoding, checked
from voxduct.onnx.whisper_in_place import InPlaceDecoder

RNG = np.random.default_rng(1)
TOKENS = RNG.integers(0, 256, (1, 9))
HEADS = 2


@pytest.fixture(scope="session")
def prepared(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return Prepared(exports, tmp_path_factory.mktemp("prepared"))


class Prepared(dict[str, Path]):
    """Folders by family, or family with `/split` for one whose decoders are not merged."""

    def __init__(self, exports: Exports, root: Path) -> None:
        super().__init__()
        self._exports, self._root = exports, root

    def __missing__(self, name: str) -> Path:
        family, _, layout = name.partition("/")
        source = self._exports[family].folder
        if layout:
            source = Path(shutil.copytree(source, self._root / f"{family}-source"))
            (source / "onnx" / f"{MERGED}.onnx").unlink()
        self[name] = prepare_whisper(source, self._root / name.replace("/", "-"), precision=Precision.FP32)
        return self[name]


def session(folder: Path, stem: str) -> ort.InferenceSession:
    return ort.InferenceSession(str(folder / "onnx" / f"{stem}.onnx"), providers=["CPUExecutionProvider"])


def encoded(folder: Path, features: np.ndarray) -> np.ndarray:
    return np.asarray(session(folder, "encoder_model").run(["last_hidden_state"], {"input_features": features})[0])


def torch_encoded(whisper: ExportedWhisper, features: np.ndarray) -> np.ndarray:
    """What the encoder's layers make of a window when the table of positions is cut to it."""
    encoder = whisper.model.model.encoder
    with torch.no_grad():
        states = torch.nn.functional.gelu(encoder.conv1(torch.from_numpy(features)))
        states = torch.nn.functional.gelu(encoder.conv2(states)).permute(0, 2, 1)
        states = states + encoder.embed_positions.weight[: states.shape[1]]
        for layer in encoder.layers:
            states = layer(states, None, None)[0]
        return np.asarray(encoder.layer_norm(states))


def decoded(whisper: OnnxWhisper, encoding: object) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits and attention of all TOKENS: four at once, then one by one over the cache."""
    state = whisper.new_state(encoding)
    steps = [whisper.decode(tokens, state) for tokens in (TOKENS[0, :4], *TOKENS[0, 4:, None])]
    attention = [step.attention for step in steps if step.attention is not None]
    logits = np.concatenate([step.logits for step in steps])
    return logits, np.concatenate(attention, axis=1) if attention else None


def states_of(encoding: object) -> torch.Tensor:
    return torch.from_numpy(checked(encoding, Encoding).outputs[STATES].numpy())


def noise(whisper: ExportedWhisper, frames: int) -> np.ndarray:
    return RNG.standard_normal((1, whisper.family.num_mels, frames), np.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_prepare_encoder_at_30_s_equals_the_export(family: str, exports: Exports, prepared: dict[str, Path]) -> None:
    features = noise(exports[family], 3_000)
    np.testing.assert_allclose(
        encoded(prepared[family], features), encoded(exports[family].folder, features), atol=1e-3
    )


@pytest.mark.parametrize("frames", [2, 250, 1_002])
@pytest.mark.parametrize("family", FAMILIES)
def test_prepare_encoder_of_a_shorter_window_equals_transformers_with_cut_positions(
    family: str, frames: int, exports: Exports, prepared: dict[str, Path]
) -> None:
    features = noise(exports[family], frames)
    states = encoded(prepared[family], features)
    assert states.shape == (1, frames // 2, 32)
    np.testing.assert_allclose(states, torch_encoded(exports[family], features), atol=1e-3)


@pytest.mark.parametrize("layout", ["", "/split"])
@pytest.mark.parametrize("family", FAMILIES)
def test_prepare_decoder_logits_equal_the_export(
    family: str, layout: str, exports: Exports, prepared: dict[str, Path]
) -> None:
    features = noise(exports[family], 3_000)[0]
    untouched, made = OnnxWhisper(exports[family].folder), OnnxWhisper(prepared[family + layout])
    expected, _ = decoded(untouched, untouched.encode(features))
    logits, _ = decoded(made, made.encode(features))
    np.testing.assert_allclose(logits, expected, atol=1e-3)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_prepare_decoder_of_a_short_window_equals_transformers(
    family: str, exports: Exports, prepared: dict[str, Path]
) -> None:
    made = OnnxWhisper(prepared[family])
    encoding = made.encode(noise(exports[family], 250)[0])
    with torch.no_grad():
        expected = (
            exports[family]
            .model(encoder_outputs=(states_of(encoding),), decoder_input_ids=torch.from_numpy(TOKENS))
            .logits
        )
    np.testing.assert_allclose(decoded(made, encoding)[0], expected[0], atol=1e-3)


@pytest.mark.parametrize("layout", ["", "/split"])
@pytest.mark.parametrize("family", FAMILIES)
def test_prepare_attention_of_the_alignment_heads_equals_transformers(
    family: str, layout: str, exports: Exports, prepared: dict[str, Path]
) -> None:
    whisper = exports[family]
    made = OnnxWhisper(prepared[family + layout])
    encoding = made.encode(noise(whisper, 600)[0])
    with torch.no_grad():
        looks = whisper.model.model.decoder(
            input_ids=torch.from_numpy(TOKENS), encoder_hidden_states=states_of(encoding), output_attentions=True
        ).cross_attentions
    layers = whisper.family.decoder_layers
    upper_half = [[layer, head] for layer in range(layers // 2, layers) for head in range(HEADS)]
    heads = whisper.family.alignment_heads or upper_half
    expected = np.stack([np.asarray(looks[layer][0, head]) for layer, head in heads])
    _, attention = decoded(made, encoding)
    assert attention is not None and attention.shape == (len(heads), TOKENS.shape[1], 300)
    np.testing.assert_allclose(attention, expected, atol=1e-4)


def test_prepare_decoder_that_outgrows_its_room_keeps_what_it_was_fed(prepared: dict[str, Path]) -> None:
    made = OnnxWhisper(prepared["tiny.en"])
    encoding = checked(made.encode(RNG.standard_normal((80, 200)).astype(np.float32)), Encoding)
    whole = made.decode(TOKENS[0].tolist(), made.new_state(encoding))
    small = InPlaceDecoder(Graph(open_session(prepared["tiny.en"] / "onnx" / f"{IN_PLACE}.onnx")), first_room=2)
    state = small.new_state([encoding])
    logits = [small.decode(TOKENS[:, i : i + 1], state).logits[0] for i in range(TOKENS.shape[1])]
    assert state.room == 16
    np.testing.assert_allclose(np.concatenate(logits), whole.logits, atol=1e-4)


def test_prepare_decoder_fed_in_pieces_says_what_it_says_to_the_whole(prepared: dict[str, Path]) -> None:
    made = OnnxWhisper(prepared["tiny.en"])
    encoding = made.encode(RNG.standard_normal((80, 200)).astype(np.float32))
    whole = made.decode(TOKENS[0].tolist(), made.new_state(encoding))
    state = made.new_state(encoding)
    pieces = [made.decode(TOKENS[0, part].tolist(), state) for part in (slice(0, 2), slice(2, 6), slice(6, None))]
    np.testing.assert_allclose(np.concatenate([one.logits for one in pieces]), whole.logits, atol=1e-4)


def test_prepare_decoder_rows_that_come_and_go_say_what_each_says_alone(prepared: dict[str, Path]) -> None:
    made = OnnxWhisper(prepared["tiny.en"])
    encoding = made.encode(RNG.standard_normal((80, 200)).astype(np.float32))
    state, said = made.new_state(encoding), [[5]]
    made.decode(said[0], state)
    for rows in ([0, 0, 0], [2, 0], [1, 0], [0, 1, 1, 0], [3], [0]):
        made.select(rows, state)
        said = [[*said[row], 7 + place] for place, row in enumerate(rows)]
        step = made.decode_batch(np.array([[text[-1]] for text in said]), state)
        for row, text in enumerate(said):
            alone = made.decode(text, made.new_state(encoding))
            np.testing.assert_allclose(step.logits[row, -1], alone.logits[-1], atol=1e-4)
            assert step.attention is not None and alone.attention is not None
            np.testing.assert_allclose(step.attention[row, :, -1], alone.attention[:, -1], atol=1e-4)


def test_prepare_batch_of_windows_is_accepted(exports: Exports, prepared: dict[str, Path]) -> None:
    features = np.concatenate([noise(exports["tiny.en"], 200), noise(exports["tiny.en"], 200)])
    apart = np.concatenate([encoded(prepared["tiny.en"], one[None]) for one in features])
    np.testing.assert_allclose(encoded(prepared["tiny.en"], features), apart, atol=1e-4)


def test_prepare_record_says_what_was_done_and_how_close_it_is(prepared: dict[str, Path]) -> None:
    record = read_record(prepared["tiny.en"])
    assert record is not None
    assert [(step.graph, step.step, step.done) for step in record.steps] == [
        ("encoder_model", "length", True),
        ("encoder_model", "shapes", True),
        ("encoder_model", "fusion", True),
        (IN_PLACE, "in place", True),
    ]
    assert all(difference <= 1e-3 for difference in record.differences.values())


def test_prepare_prepared_folder_again_changes_nothing_more(prepared: dict[str, Path], tmp_path: Path) -> None:
    again = prepare_whisper(prepared["tiny.en"], tmp_path / "again", precision=Precision.FP32)
    features = RNG.standard_normal((1, 80, 400), np.float32)
    np.testing.assert_array_equal(encoded(again, features), encoded(prepared["tiny.en"], features))
    record = read_record(again)
    assert record is not None
    assert all("already" in step.note for step in record.steps)


def test_prepare_encoder_attention_is_one_operation_a_layer(exports: Exports, prepared: dict[str, Path]) -> None:
    nodes = onnx.load(prepared["turbo"] / "onnx" / "encoder_model.onnx").graph.node
    kinds = [node.op_type for node in nodes]
    assert kinds.count("MultiHeadAttention") == exports["turbo"].family.encoder_layers
    assert "Softmax" not in kinds and kinds.count("Shape") == 1  # of the window, to cut the positions


def test_prepare_fusion_that_changes_results_is_taken_back(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(model: onnx.ModelProto, *, heads: int) -> str:
        model.graph.node.append(onnx.helper.make_node("Neg", ["last_hidden_state"], ["spoilt"]))
        model.graph.output[0].name = "spoilt"
        return "spoilt"

    monkeypatch.setattr("voxduct.onnx.prepare.whisper.fuse_attention", spoil)
    source = exports["tiny.en"]
    made = prepare_whisper(source.folder, tmp_path / "made", precision=Precision.FP32)
    features = noise(source, 200)
    np.testing.assert_allclose(encoded(made, features), torch_encoded(source, features), atol=1e-3)
    record = read_record(made)
    assert record is not None and [step.step for step in record.steps if not step.done] == ["shapes and fusion"]


def test_prepare_decoder_without_visible_attention_leaves_it_out_and_says_why(exports: Exports, tmp_path: Path) -> None:
    source = Path(shutil.copytree(exports["tiny.en"].folder, tmp_path / "source"))
    config = json.loads((source / "config.json").read_text()) | {"decoder_layers": 3}
    (source / "config.json").write_text(json.dumps(config))
    record = read_record(prepare_whisper(source, tmp_path / "made", precision=Precision.FP32))
    assert record is not None
    rebuilt, left_out = [step for step in record.steps if not step.done]
    assert (rebuilt.step, "4 attentions" in rebuilt.note) == ("in place", True)
    assert (left_out.step, "2 cross-attentions" in left_out.note) == ("attention", True)
    outputs = onnx.load(tmp_path / "made" / "onnx" / f"{MERGED}.onnx").graph.output
    assert "cross_attentions" not in [output.name for output in outputs]


def test_prepare_folder_without_graphs_says_which_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"encoder_model\.onnx and onnx/decoder_model_merged\.onnx"):
        prepare_whisper(tmp_path, tmp_path / "made")


def test_prepare_damaged_graph_is_named_and_leaves_nothing_behind(exports: Exports, tmp_path: Path) -> None:
    source = Path(shutil.copytree(exports["tiny.en"].folder, tmp_path / "source"))
    (source / "onnx" / f"{MERGED}.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"decoder_model_merged\.onnx.*fetch it again"):
        prepare_whisper(source, tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


@pytest.mark.parametrize("heads", [[[2, 0]], [[0, 2]], [["a", 0]], [3]])
def test_prepare_alignment_heads_that_cannot_be_are_refused(heads: list, exports: Exports, tmp_path: Path) -> None:
    source = Path(shutil.copytree(exports["tiny.en"].folder, tmp_path / "source"))
    (source / "generation_config.json").write_text(json.dumps({"alignment_heads": heads}))
    with pytest.raises(ModelError, match="alignment_heads"):
        prepare_whisper(source, tmp_path / "made")


def test_prepare_without_onnx_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServerError, match=r"pip install 'voxduct\[prepare\]'"):
        prepare_whisper(tmp_path, tmp_path / "made")
