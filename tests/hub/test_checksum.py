from __future__ import annotations

from pathlib import Path

import pytest

from voxduct.hub.bytes import human
from voxduct.hub.checksum import git_blob, matches, sha256

SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # printf hello | sha256sum
GIT = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"  # printf hello | git hash-object --stdin


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello"
    path.write_bytes(b"hello")
    return path


def test_checksums_are_those_of_the_usual_programs(hello: Path) -> None:
    assert (sha256(hello), git_blob(hello)) == (SHA256, GIT)


@pytest.mark.parametrize(
    ("expected", "same"),
    [(SHA256, True), (SHA256.upper(), True), (GIT, True), ("0" * 64, False), ("0" * 40, False), ("", False)],
)
def test_checksum_is_compared_by_its_kind(hello: Path, expected: str, same: bool) -> None:
    assert matches(hello, expected) is same


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 kB"), (999_999, "999 kB"), (23_100_000, "23.1 MB"),
     (1_608_611_679, "1.6 GB")],
)  # fmt: skip
def test_bytes_for_people(count: int, text: str) -> None:
    assert human(count) == text
