"""Prepared folders as a cache, without a model: the writing is a fake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from voxduct.errors import ModelError
from voxduct.onnx.prepare.cache import RECORD_NAME, Recipe, Record, is_current, make_recipe, read_record, replace

RECIPE = Recipe(1, "int8", {"encoder.onnx": "aa"})
OTHER = Recipe(1, "int8", {"encoder.onnx": "bb"})


def writing(recipe: Recipe, text: str, started: threading.Barrier | None = None) -> Callable[[Path], Record]:
    def write(folder: Path) -> Record:
        (folder / "encoder.onnx").write_text(text)
        if started is not None:
            started.wait(10)  # all have written before the first takes its place
        return Record(recipe, [], {})

    return write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_make_recipe_changed_file_makes_another_recipe(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_text("one")
    first = make_recipe(tmp_path, [path], "int8")
    assert make_recipe(tmp_path, [path], "int8") == first
    assert make_recipe(tmp_path, [path], "fp16") != first
    path.write_text("two")
    assert make_recipe(tmp_path, [path], "int8") != first


def test_replace_writes_a_whole_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "made"
    replace(target, RECIPE, writing(RECIPE, "new"))
    assert is_current(target, RECIPE) and not is_current(target, OTHER)
    assert names(target) == ["encoder.onnx", RECORD_NAME] and names(target.parent) == ["made"]


def test_replace_older_folder_gives_way(tmp_path: Path) -> None:
    target = tmp_path / "made"
    replace(target, OTHER, writing(OTHER, "old"))
    (target / "left over").touch()
    replace(target, RECIPE, writing(RECIPE, "new"))
    assert is_current(target, RECIPE)
    assert names(target) == ["encoder.onnx", RECORD_NAME] and names(tmp_path) == ["made"]


@pytest.mark.parametrize("before", [None, OTHER], ids=["none", "older"])
def test_replace_two_at_once_both_end_with_one_whole_folder(before: Recipe | None, tmp_path: Path) -> None:
    target = tmp_path / "made"
    if before is not None:
        replace(target, before, writing(before, "old"))
    started = threading.Barrier(2)
    failures: list[BaseException] = []

    def run(text: str) -> None:
        try:
            replace(target, RECIPE, writing(RECIPE, text, started))
        except BaseException as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert is_current(target, RECIPE) and (target / "encoder.onnx").read_text() in ("one", "two")
    assert names(tmp_path) == ["made"]


def test_replace_failed_writing_leaves_the_older_folder(tmp_path: Path) -> None:
    target = tmp_path / "made"
    replace(target, OTHER, writing(OTHER, "old"))

    def fail(folder: Path) -> Record:
        (folder / "encoder.onnx").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace(target, RECIPE, fail)
    assert is_current(target, OTHER) and names(tmp_path) == ["made"]


def test_replace_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "made"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match="name another folder"):
        replace(target, RECIPE, writing(RECIPE, "new"))
    assert names(target) == ["thesis.txt"] and names(tmp_path) == ["made"]


def test_read_record_damaged_one_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / RECORD_NAME).write_text("{")
    assert read_record(tmp_path) is None
