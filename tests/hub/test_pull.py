"""Pulling against a hub on loopback that breaks off, lies, and loses files."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hub.hub_server import serving, sha256
from tests.hub.room import DECODER, ENCODER, MODEL, Room, noise
from voxduct.errors import ChecksumError, DiskFullError, HubError, ModelError, UnknownModelError
from voxduct.hub import verify
from voxduct.hub.client import HubClient, HubOptions
from voxduct.hub.pull import ensure, pull
from voxduct.hub.reference import HubModel
from voxduct.onnx.whisper_layout import choose_files

TOP = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": f"{TOP / 'engine'}:{TOP}"}
PULL_AND_VERIFY = """
import sys
from pathlib import Path
from voxduct.hub import verify
from voxduct.hub.client import HubClient, HubOptions
from voxduct.hub.pull import pull
from voxduct.hub.reference import HubModel
from voxduct.onnx.whisper_layout import choose_files
client = HubClient(HubOptions(endpoint=sys.argv[1], cache=Path(sys.argv[2])))
manifest = pull(HubModel(sys.argv[3], precision="int8"), choose_files, client, lambda line: print(line, flush=True))
verify(manifest)
print("whole", manifest.folder, flush=True)
"""


def pull_command(room: Room) -> list[str]:
    """Another process that pulls the same model into the same cache."""
    return [sys.executable, "-c", PULL_AND_VERIFY, room.hub.address, str(room.client.cache), MODEL.repo_id]


def test_pull_takes_exactly_the_files_of_the_precision(room: Room) -> None:
    manifest = room.pull()
    wanted = {"config.json", "tokenizer.json", "README.md", ENCODER, DECODER}
    assert set(manifest.files) == wanted
    assert (manifest.name, manifest.version, manifest.license) == (str(MODEL), "c" * 12, "mit")
    assert {name: (manifest.folder / name).read_bytes() for name in wanted} == {
        name: room.repository.files[name] for name in wanted
    }
    verify(manifest)
    assert room.hub.downloads("model.safetensors") == []
    assert room.said == [f"{MODEL}: 70 kB to come from {room.hub.address}"]


def test_pull_brings_the_weights_beside_a_graph(room: Room) -> None:
    assert "onnx/encoder_model.onnx_data" in room.pull(replace(MODEL, precision="fp32")).files


def test_pull_of_what_is_here_downloads_nothing(room: Room) -> None:
    first = room.pull()
    room.hub.requests.clear()
    assert room.pull() == first
    assert [request.method for request in room.hub.requests] == ["GET"]  # the listing


def test_ensure_of_what_is_here_does_not_ask_the_hub(room: Room) -> None:
    first = room.pull()
    room.hub.requests.clear()
    assert ensure(MODEL, choose_files, room.client, room.said.append) == first
    assert room.hub.requests == []


def test_pull_of_a_newer_commit_replaces_the_model(room: Room) -> None:
    room.pull()
    room.repository.files["config.json"] = b'{"num_mel_bins": 128}'
    room.repository.commit = "d" * 40
    room.hub.requests.clear()
    manifest = room.pull()
    assert manifest.version == "d" * 12
    assert (manifest.folder / "config.json").read_bytes() == b'{"num_mel_bins": 128}'
    assert room.hub.downloads(ENCODER) == room.hub.downloads(DECODER) == []


def test_pull_broken_off_goes_on_by_itself_where_it_stopped(room: Room) -> None:
    room.repository.cuts[DECODER] = [30_000, 5_000]
    verify(room.pull())
    assert room.hub.downloads(DECODER) == [None, "bytes=30000-", "bytes=35000-"]


def test_pull_that_gave_up_resumes_when_asked_again(room: Room) -> None:
    room.repository.cuts[DECODER] = [30_000, 0]
    with pytest.raises(
        HubError, match=r"decoder_model_merged_int8\.onnx .* broke off; pull again, what came so far is kept"
    ):
        room.pull()
    assert not list(room.client.cache.rglob("manifest.json"))
    verify(room.pull())
    assert room.hub.downloads(DECODER) == [None, "bytes=30000-", "bytes=30000-"]


def test_pull_of_wrong_bytes_is_refused_and_removed(room: Room) -> None:
    lie = noise(20_000, 99)
    room.repository.wrong[ENCODER] = lie
    with pytest.raises(ChecksumError, match=r"encoder_model_int8\.onnx .*wrong checksum and was removed; pull again"):
        room.pull()
    assert lie not in room.contents().values()
    assert not list(room.client.cache.rglob("encoder_model_int8.onnx"))
    del room.repository.wrong[ENCODER]
    verify(room.pull())


def test_pull_of_a_small_file_with_wrong_bytes_is_refused(room: Room) -> None:
    room.repository.wrong["config.json"] = b'{"num_mel_bins": 81}'
    with pytest.raises(ChecksumError, match=r"config\.json"):
        room.pull()
    assert b'{"num_mel_bins": 81}' not in room.contents().values()


def test_pull_resumed_over_wrong_bytes_starts_afresh(room: Room) -> None:
    room.repository.cuts[DECODER] = [30_000, 0]
    with pytest.raises(HubError):
        room.pull()
    (partial,) = room.client.cache.rglob("*.incomplete")
    partial.write_bytes(bytes(30_000))
    with pytest.raises(ChecksumError):
        room.pull()
    verify(room.pull())
    assert room.hub.downloads(DECODER)[-1] is None


def test_pull_with_too_much_on_disk_starts_afresh(room: Room) -> None:
    blobs = room.client.cache / "models--onnx-community--whisper-nano" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(room.repository.files[ENCODER])}.incomplete").write_bytes(bytes(20_001))
    verify(room.pull())


def test_pull_mends_what_was_damaged_in_the_cache(room: Room) -> None:
    manifest = room.pull()
    (manifest.folder / ENCODER).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="corrupt"):
        verify(manifest)
    verify(room.pull())
    assert room.hub.downloads(ENCODER) == [None, None]


def test_pull_of_a_file_that_the_hub_lost_names_it(room: Room) -> None:
    room.repository.gone.add("tokenizer.json")
    with pytest.raises(HubError, match=r"tokenizer\.json of .* is listed .* but missing"):
        room.pull()


@pytest.mark.parametrize(
    ("missing", "words"),
    [("tokenizer.json", "lacks tokenizer.json"), ("config.json", "lacks config.json")],
)
def test_pull_of_a_repository_without_a_needed_file_names_it(room: Room, missing: str, words: str) -> None:
    del room.repository.files[missing]
    with pytest.raises(ModelError, match=words):
        room.pull()
    assert room.hub.downloads(ENCODER) == []


def test_pull_of_a_checkpoint_says_how_to_export(room: Room) -> None:
    room.repository.files = {name: b for name, b in room.repository.files.items() if not name.startswith("onnx/")}
    with pytest.raises(ModelError, match=r"holds no ONNX Whisper: it has a checkpoint, .*voxduct models export"):
        room.pull()


def test_pull_of_another_precision_says_what_it_took(room: Room) -> None:
    manifest = room.pull(replace(MODEL, precision="q4"))
    assert ENCODER in manifest.files
    assert "q4 is not there in full: takes the encoder in int8 and the decoder in int8" in room.said[0]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (HubModel("nobody/nothing"), "nobody/nothing is not on http.*, and no folder here"),
        (replace(MODEL, revision="v9"), "no such revision"),
        (replace(MODEL, precision="int3"), "'int3' is no precision; choose of int8"),
    ],
)
def test_pull_of_what_is_not_there_names_it(room: Room, model: HubModel, words: str) -> None:
    with pytest.raises(UnknownModelError, match=words):
        room.pull(model)


def test_pull_of_a_gated_repository_says_what_to_accept(room: Room) -> None:
    room.repository.gated = True
    with pytest.raises(HubError, match=r"wants its terms accepted.*hf auth login"):
        room.pull()


def test_pull_from_no_hub_says_so(tmp_path: Path) -> None:
    with serving({}) as hub:
        pass
    client = HubClient(HubOptions(endpoint=hub.address, cache=tmp_path))
    with pytest.raises(HubError, match=f"did not come: {hub.address} cannot be reached; pull again"):
        pull(MODEL, choose_files, client, print)


def test_pull_without_room_says_how_much_is_needed_and_downloads_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(room.client.cache.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=60_000))
    with pytest.raises(
        DiskFullError, match=r"whisper-nano:int8 needs 70 kB more in .*cache, 60 kB are free; make room"
    ):
        room.pull()
    assert room.hub.downloads(ENCODER) == []


def test_pull_resumed_needs_room_only_for_the_rest(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.repository.cuts[DECODER] = [30_000, 0]
    with pytest.raises(HubError):
        room.pull()
    usage = shutil.disk_usage(room.client.cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=20_000))
    verify(room.pull())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_pull_onto_a_disk_that_becomes_full_says_so(room: Room) -> None:
    blobs = room.client.cache / "models--onnx-community--whisper-nano" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(room.repository.files[DECODER])}.incomplete").symlink_to("/dev/full")
    with pytest.raises(
        DiskFullError, match=r"decoder_model_merged_int8\.onnx needs 50 kB more in .*pull again"
    ) as raised:
        room.pull()
    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.__cause__.errno == errno.ENOSPC


def test_two_pulls_at_once_download_once_and_both_succeed(room: Room) -> None:
    room.repository.gate = threading.Event()
    waits = threading.Event()
    lines: list[str] = []

    def read(process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            lines.append(line)
            if "waiting for another pull" in line:
                waits.set()

    pulls = [subprocess.Popen(pull_command(room), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in "ab"]
    readers = [threading.Thread(target=read, args=(one,)) for one in pulls]
    for reader in readers:
        reader.start()
    waited = waits.wait(timeout=60)
    room.repository.gate.set()
    for reader in readers:
        reader.join()
    assert waited
    assert [one.wait() for one in pulls] == [0, 0]
    assert len([line for line in lines if line.startswith("whole")]) == 2
    assert room.hub.downloads(ENCODER) == room.hub.downloads(DECODER) == [None]


def test_pull_after_one_that_was_killed_is_whole(room: Room) -> None:
    room.repository.gate = threading.Event()
    with subprocess.Popen(pull_command(room), stdout=subprocess.DEVNULL, env=ENVIRONMENT) as killed:
        reached = room.repository.reached.wait(timeout=60)
        killed.kill()  # while it holds the repository
    room.repository.gate.set()
    assert reached
    verify(room.pull())
    assert not any("waiting" in line for line in room.said)


def test_offline_pull_finds_what_is_in_the_cache(room: Room) -> None:
    first = room.pull()
    room.hub.requests.clear()
    assert room.offline().pull(replace(MODEL, revision="c" * 40)).files == first.files
    assert room.hub.requests == []


def test_offline_pull_takes_the_model_pulled_before(room: Room) -> None:
    first = room.pull()
    room.hub.requests.clear()
    assert room.offline().pull() == first
    assert room.hub.requests == []


def test_offline_pull_of_a_precision_that_is_not_here_takes_no_other(room: Room) -> None:
    room.pull()
    with pytest.raises(HubError, match=r"fp32 is not there in full.*pull it while online"):
        room.offline().pull(replace(MODEL, revision="c" * 40, precision="fp32"))


@pytest.mark.parametrize("name", ["onnx/encoder_model.onnx_data/../../../../outside", "/onnx/encoder_model.onnx_data"])
def test_pull_ignores_names_that_lead_outside(room: Room, name: str) -> None:
    room.repository.files[name] = noise(300, 8)
    assert name not in room.pull(replace(MODEL, precision="fp32")).files


def test_offline_pull_of_what_was_never_pulled_says_so(room: Room) -> None:
    with pytest.raises(HubError, match=r"is not in .*cache.*offline; pull it while online"):
        room.offline().pull()
    assert room.hub.requests == []
