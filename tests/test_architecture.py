"""The rules that hold the parts apart, checked by import-linter and by reading what is exported."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
ENGINE = TOP / "engine" / "voxduct"
CORES = ("audio", "errors", "events", "models", "dsp", "silence", "vad", "wire", "asr", "tts", "codec", "session")
READS_FILES = {Path("asr/tokenizer.py")}  # the tokenizers library reads its own file


def test_imports_point_down_and_cores_do_no_io() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("package", "exported"),
    [
        ("voxduct", ["__version__"]),
        ("voxduct.cli", ["build_parser", "main"]),
        ("voxduct.demo", ["DemoOptions", "run_demo"]),
        (
            "voxduct.hub",
            [
                "DEFAULT_MODELS", "MANIFEST_NAME", "Manifest", "ModelKind", "embedded", "find", "read_manifest",
                "resolve", "verify",
            ],
        ),
        ("voxduct.session", ["Engine", "Session", "SessionOptions", "run_to_rest"]),
    ],
)  # fmt: skip
def test_package_exports_exactly(package: str, exported: list[str]) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(exported)
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("package", ["voxduct_client", "voxduct.wire"])
def test_package_has_everything_it_exports(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def core_files() -> list[Path]:
    found = [ENGINE / f"{name}.py" for name in CORES if (ENGINE / f"{name}.py").exists()]
    return found + [path for name in CORES for path in sorted((ENGINE / name).rglob("*.py"))]


@pytest.mark.parametrize("path", core_files(), ids=lambda path: str(path.relative_to(ENGINE)))
def test_core_neither_opens_files_nor_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    methods = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
    assert not named & {"open", "print", "input"}
    if path.relative_to(ENGINE) not in READS_FILES:
        assert not methods & {"read_text", "read_bytes", "write_text", "write_bytes", "open"}


def test_nothing_a_user_installs_depends_on_torch() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [
        one for extra in ("mic", "hub", "gpu") for one in project["optional-dependencies"][extra]
    ]
    assert not [one for one in wanted if one.startswith(("torch", "transformers", "onnx>", "optimum"))]


def test_the_engine_starts_without_torch() -> None:
    code = (
        "import sys; sys.modules.update({name: None for name in ('torch', 'transformers', 'onnx', 'scipy', 'jiwer')});"
        "import voxduct.cli, voxduct_client"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TOP / "engine")
