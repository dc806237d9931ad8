from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tests.onnx.conftest import Exports
from voxduct.cli import models_prepare
from voxduct.cli.arguments import Parser
from voxduct.errors import ModelError
from voxduct.onnx.prepare.cache import RECORD_NAME


def parse(*arguments: str) -> argparse.Namespace:
    parser = Parser(prog="voxduct models")
    models_prepare.register(parser.add_subparsers(required=True))
    return parser.parse_args(["prepare", *arguments])


def test_prepare_command_prints_the_folder_and_does_nothing_the_second_time(
    exports: Exports, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = exports["tiny.en"].folder
    options = parse(str(source), "--precision", "fp32", "--output", str(tmp_path / "made"))
    assert options.run(options) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'made'}\n"
    before = (tmp_path / "made" / RECORD_NAME).stat().st_mtime_ns
    assert options.run(options) == 0
    assert (tmp_path / "made" / RECORD_NAME).stat().st_mtime_ns == before


def test_prepare_command_changed_export_is_prepared_again(exports: Exports, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "onnx").mkdir(parents=True)
    for path in exports["tiny.en"].folder.rglob("*.*"):
        if path.is_file():
            (source / path.relative_to(exports["tiny.en"].folder)).write_bytes(path.read_bytes())
    options = parse(str(source), "--precision", "fp32")
    options.run(options)
    made = tmp_path / "source-fp32"
    before = (made / RECORD_NAME).read_bytes()
    (source / "vocab.json").write_text("{}")
    options.run(options)
    assert (made / RECORD_NAME).read_bytes() != before
    assert (made / "vocab.json").read_text() == "{}"


def test_prepare_command_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    options = parse(str(tmp_path))
    with pytest.raises(ModelError, match="full precision"):
        options.run(options)


def test_prepare_command_unknown_precision_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(str(tmp_path), "--precision", "int3")
    assert ended.value.code == 2
    assert "int3" in capsys.readouterr().err
