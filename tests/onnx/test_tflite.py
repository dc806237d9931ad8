"""Reading TensorFlow Lite files: what is in them, and what is said of those that are damaged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.lyra_files import NAMES, published, write_tiny
from tests.onnx.tflite_writer import FileWriter
from voxduct.errors import ModelError
from voxduct.onnx.tflite import Op, read_tflite


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny")


def small_file() -> FileWriter:
    file = FileWriter()
    graph = file.graph()
    given = graph.input((1, 3))
    weights = graph.constant(np.array([[1, -2], [3, 4], [5, 127]], np.int8), [0.5, 0.25], [0, 1], axis=1)
    (made,) = graph.add(Op.LEAKY_RELU, [given], [(1, 3)], alpha=0.25)
    graph.add(Op.ADD, [made, weights], [(1, 3)])
    file.sign("go", 0, {"in": given}, {"out": made})
    return file


def refusal(path: Path) -> str:
    """What the reader says against a file; nothing where it takes it."""
    try:
        read_tflite(path)
    except ModelError as error:
        return str(error)
    return ""


def test_reader_gives_back_what_was_written(tmp_path: Path) -> None:
    model = read_tflite(small_file().save(tmp_path / "a.tflite"))
    (graph,) = model.subgraphs
    assert [operator.op for operator in graph.operators] == [Op.LEAKY_RELU, Op.ADD]
    assert graph.operators[0].options == {"alpha": 0.25}
    assert dict(model.signatures["go"].inputs) == {"in": 0} and dict(model.signatures["go"].outputs) == {"out": 2}
    assert graph.tensors[0].shape == (1, 3) and graph.tensors[0].data is None


def test_reader_takes_integers_with_scales_for_what_they_stand_for(tmp_path: Path) -> None:
    weights = read_tflite(small_file().save(tmp_path / "a.tflite")).subgraphs[0].tensors[1]
    assert weights.data is not None and weights.data.dtype == np.int8
    assert weights.values().tolist() == [[0.5, -0.75], [1.5, 0.75], [2.5, 31.5]]


def test_reader_finds_variables_in_order(tiny: Path) -> None:
    model = read_tflite(tiny / NAMES[2])
    assert list(model.subgraphs[0].variables()) == ["up_0/states", "up_1/states", "last/states"]


@pytest.mark.parametrize("size", [0, 3, 7, 8, 40, 200, 700, -4])
def test_reader_of_a_truncated_file_raises_model_error_naming_it(tmp_path: Path, tiny: Path, size: int) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes((tiny / NAMES[0]).read_bytes()[:size])
    with pytest.raises(ModelError, match=r"cut\.tflite"):
        read_tflite(path)


def test_reader_of_any_prefix_raises_model_error_and_nothing_else(tmp_path: Path) -> None:
    data, path = small_file().bytes(), tmp_path / "cut.tflite"
    for size in range(0, len(data) - 8, 3):
        path.write_bytes(data[:size])
        assert "cut.tflite" in refusal(path)


def test_reader_of_flipped_bytes_raises_model_error_or_reads(tmp_path: Path) -> None:
    data, path, random = small_file().bytes(), tmp_path / "bad.tflite", np.random.default_rng(3)
    for _ in range(300):
        bad = bytearray(data)
        for place in random.integers(8, len(bad), 4):
            bad[place] = random.integers(256)
        path.write_bytes(bytes(bad))
        assert refusal(path) == "" or "bad.tflite" in refusal(path)


def test_reader_of_another_kind_of_file_raises_model_error(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(small_file().bytes(identifier=b"TFL9"))
    with pytest.raises(ModelError, match=r"other\.tflite is no TensorFlow Lite file"):
        read_tflite(path)


def test_reader_of_another_version_raises_model_error(tmp_path: Path) -> None:
    path = tmp_path / "new.tflite"
    path.write_bytes(small_file().bytes(version=4))
    with pytest.raises(ModelError, match=r"new\.tflite: version 4"):
        read_tflite(path)


def test_reader_of_an_unknown_operator_raises_model_error_naming_it(tmp_path: Path) -> None:
    file = small_file()
    file.graphs[0].add(150, [0], [(1, 3)])  # GELU
    with pytest.raises(ModelError, match=r"odd\.tflite: operator 150"):
        read_tflite(file.save(tmp_path / "odd.tflite"))


def test_reader_of_a_tensor_that_is_not_there_raises_model_error(tmp_path: Path) -> None:
    file = small_file()
    file.graphs[0].add(Op.ADD, [0, 99], [(1, 3)])
    with pytest.raises(ModelError, match="tensor 99"):
        read_tflite(file.save(tmp_path / "a.tflite"))


def test_reader_of_scales_that_do_not_fit_raises_model_error(tmp_path: Path) -> None:
    file = small_file()
    file.graphs[0].constant(np.zeros((3, 2), np.int8), [1.0, 1.0, 1.0], [0, 0, 0], axis=1)
    with pytest.raises(ModelError, match="3 scales on axis 1"):
        read_tflite(file.save(tmp_path / "a.tflite"))


def test_reader_without_a_file_raises_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.tflite"):
        read_tflite(tmp_path / "none.tflite")


@pytest.mark.model
@pytest.mark.parametrize(("name", "states"), [(NAMES[0], 14), (NAMES[2], 18)])
def test_reader_of_published_files_finds_their_states(name: str, states: int) -> None:
    graph = read_tflite(published() / name).subgraphs[0]
    kinds = Counter(operator.op for operator in graph.operators)
    assert len(graph.variables()) == kinds[Op.READ_VARIABLE] == kinds[Op.ASSIGN_VARIABLE] == states
