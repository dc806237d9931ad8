"""Pulling a model from plain addresses, on loopback: what is said first, what is believed, what is kept."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from voxduct.errors import ChecksumError, HubError
from voxduct.hub.lyra import LYRA
from voxduct.hub.raw import RawFile, RawModel, find_raw, pull_raw
from voxduct.hub.store import list_pulled

CONTENTS = {"LICENSE": b"terms", "deep/down/a.bin": bytes(range(200)) * 40, "deep/b.bin": b"b" * 100}


class Handler(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, content in CONTENTS.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "site"


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def address(site: Path, asked: list[str]) -> Iterator[str]:
    handler = functools.partial(type("Bound", (Handler,), {"asked": asked}), directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="site")
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def model() -> RawModel:
    files = tuple(
        RawFile(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in CONTENTS.items()
    )
    return RawModel(
        name="raw-one", kind="codec", repo_id="maker/one", revision="v1", precision="bin",
        address="http://127.0.0.1:9", license="MIT", notice="of its maker", files=files,
    )  # fmt: skip


def test_pull_raw_puts_all_files_into_one_folder_with_a_manifest(model: RawModel, address: str, tmp_path: Path) -> None:
    manifest = pull_raw(model, tmp_path / "cache", lambda _: None, address=address)
    assert {name: (manifest.folder / name).read_bytes() for name in manifest.files} == {
        name.rpartition("/")[2]: content for name, content in CONTENTS.items()
    }
    assert (manifest.kind, manifest.version, manifest.license) == ("codec", "v1", "MIT")
    assert manifest.remedy == "pull raw-one again"
    assert [found.name for found in list_pulled(tmp_path / "cache")] == ["raw-one"]


def test_pull_raw_says_the_licence_before_it_asks_for_anything(
    model: RawModel, address: str, asked: list[str], tmp_path: Path
) -> None:
    requests_before: list[int] = []
    lines: list[str] = []

    def report(line: str) -> None:
        requests_before.append(len(asked))
        lines.append(line)

    pull_raw(model, tmp_path / "cache", report, address=address)
    assert lines[0] == "raw-one: MIT; of its maker" and requests_before[0] == 0
    assert "to come from http://127.0.0.1" in lines[1]


def test_pull_raw_again_downloads_nothing(model: RawModel, address: str, asked: list[str], tmp_path: Path) -> None:
    pull_raw(model, tmp_path, lambda _: None, address=address)
    asked.clear()
    pull_raw(model, tmp_path, lambda _: None, address=address)
    assert asked == []


def test_pull_raw_of_a_damaged_model_downloads_it_again(model: RawModel, address: str, tmp_path: Path) -> None:
    manifest = pull_raw(model, tmp_path, lambda _: None, address=address)
    (manifest.folder / "b.bin").write_bytes(b"x")
    again = pull_raw(model, tmp_path, lambda _: None, address=address)
    assert (again.folder / "b.bin").read_bytes() == CONTENTS["deep/b.bin"]


@pytest.mark.parametrize("content", [b"c" * 100, b"b" * 101, b""])
def test_pull_raw_of_another_file_raises_checksum_error_and_keeps_nothing(
    model: RawModel, address: str, site: Path, tmp_path: Path, content: bytes
) -> None:
    (site / "deep/b.bin").write_bytes(content)
    with pytest.raises(ChecksumError, match=r"b\.bin"):
        pull_raw(model, tmp_path / "cache", lambda _: None, address=address)
    assert find_raw(model, tmp_path / "cache") is None
    assert not list((tmp_path / "cache").rglob("*.bin"))


def test_pull_raw_of_a_missing_file_raises_hub_error(model: RawModel, address: str, site: Path, tmp_path: Path) -> None:
    (site / "LICENSE").unlink()
    with pytest.raises(HubError, match=r"LICENSE did not come: .* answered 404"):
        pull_raw(model, tmp_path / "cache", lambda _: None, address=address)


@pytest.mark.parametrize("where", ["http://127.0.0.1:1", "file:///etc", "nonsense"])
def test_pull_raw_from_nowhere_raises_hub_error(model: RawModel, tmp_path: Path, where: str) -> None:
    with pytest.raises(HubError):
        pull_raw(model, tmp_path / "cache", lambda _: None, address=where)


def test_pull_raw_offline_takes_only_what_is_here(model: RawModel, address: str, tmp_path: Path) -> None:
    with pytest.raises(HubError, match="offline"):
        pull_raw(model, tmp_path, lambda _: None, offline=True)
    pull_raw(model, tmp_path, lambda _: None, address=address)
    assert pull_raw(model, tmp_path, lambda _: None, offline=True).name == "raw-one"


def test_lyra_names_the_files_that_converting_needs() -> None:
    names = {file.name for file in LYRA.files}
    assert names == {"LICENSE", "soundstream_encoder.tflite", "quantizer.tflite", "lyragan.tflite"}
    assert LYRA.address.startswith("https://") and LYRA.license == "Apache-2.0"
