"""Published voices: pulled from two repositories of a hub on loopback, under a licence that is said first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.hub_server import Hub, Repository, serving
from tests.hub.room import choose_hub, noise
from tests.prompted_exports import orpheus
from voxduct.cli import main
from voxduct.errors import ChecksumError, HubError, UnknownModelError
from voxduct.hub import read_manifest, verify
from voxduct.hub.client import HubClient, HubOptions
from voxduct.hub.voices import VOICES, find_voice, pull_voice
from voxduct.loading import EngineOptions, load_synthesiser
from voxduct.onnx.prompted_layout import choose_codec, choose_lm

VOICE = VOICES["orpheus-3b"]
LM, CODEC = VOICE.repo_id, VOICE.codec_repo_id


def repository(files: dict[str, bytes], folder: Path | None = None) -> Repository:
    """These files, and all of a folder but for another folder's in it."""
    below = {} if folder is None else {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    kept = {name: path.read_bytes() for name, path in below.items() if not name.startswith("codec/") and path.is_file()}
    return Repository({**kept, **files}, license="apache-2.0")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return orpheus(tmp_path_factory.mktemp("orpheus") / "voice").folder


@pytest.fixture
def hub(exported: Path) -> Iterator[Hub]:
    lm = repository({"onnx/model_fp16.onnx": noise(500, 1), "onnx/model_fp16.onnx_data": noise(900, 2)}, exported)
    codec = repository({"onnx/decoder_model_int8.onnx": noise(300, 3)}, exported / "codec")
    with serving({LM: lm, CODEC: codec}) as hub:
        yield hub


@pytest.fixture
def cache(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    choose_hub(monkeypatch, hub.address, tmp_path / "cache")
    return tmp_path / "cache"


def test_pull_says_the_licence_before_it_asks_for_any_file(hub: Hub, tmp_path: Path) -> None:
    client, said = HubClient(HubOptions(endpoint=hub.address, cache=tmp_path / "cache")), []

    def report(line: str) -> None:
        said.append((line, len(hub.requests)))

    pull_voice(VOICE, "fp32", choose_lm, choose_codec, client, report)
    (first, requests), *others = said
    assert first.startswith("orpheus-3b: Apache-2.0 (built on Llama 3.2); ") and "community licence" in first
    assert requests == 0
    assert [line.split(" ")[0] for line, _ in others] == [f"{LM}:", f"{CODEC}:"]


def test_pulled_voice_is_listed_verified_and_spoken_with(
    hub: Hub, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", "orpheus-3b:fp32"]) == 0
    printed = capsys.readouterr()
    manifest = read_manifest(Path(printed.out.strip()))
    verify(manifest)
    assert (manifest.name, manifest.kind, manifest.license) == ("orpheus-3b:fp32", "codec-lm", VOICE.license)
    assert set(manifest.files) == {
        "config.json", "generation_config.json", "tokenizer.json", "onnx/model.onnx", "codec/config.json",
        "codec/onnx/decoder_model.onnx",
    }  # fmt: skip
    assert VOICE.notice in printed.err
    assert main(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["orpheus-3b:fp32"]["source"] == "pulled"
    assert (rows["orpheus-3b"]["kind"], rows["orpheus-3b"]["license"]) == ("codec-lm", VOICE.license)
    assert main(["models", "verify", "orpheus-3b:fp32"]) == 0
    hub.requests.clear()
    out = tmp_path / "out.wav"
    assert main(["say", "Oh.", "--tts", "orpheus-3b:fp32", "-o", str(out)]) == 0
    assert out.stat().st_size > 100 and hub.requests == []


def test_pull_without_the_precision_takes_the_nearest_and_says_so(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", "orpheus-3b"]) == 0
    assert "orpheus-3b: int8 is not there: takes fp32" in capsys.readouterr().err
    assert load_synthesiser(EngineOptions(tts="orpheus-3b")).default_voice == "tara"


def test_pull_to_a_folder_makes_a_voice_to_take_elsewhere(cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["models", "pull", "orpheus-3b", "--precision", "fp32", "--to", str(out)]) == 0
    verify(read_manifest(out))
    assert load_synthesiser(EngineOptions(tts=str(out))).sample_rate == 2400


def test_pull_brings_the_weights_beside_a_graph(hub: Hub, tmp_path: Path) -> None:
    client = HubClient(HubOptions(endpoint=hub.address, cache=tmp_path / "cache"))
    files = pull_voice(VOICE, "fp16", choose_lm, choose_codec, client, lambda line: None).files
    assert {"onnx/model_fp16.onnx", "onnx/model_fp16.onnx_data"} <= set(files)
    assert "onnx/model.onnx" not in files


def test_voice_that_was_not_pulled_is_not_pulled_unasked(hub: Hub, cache: Path) -> None:
    with pytest.raises(HubError, match="orpheus-3b was not pulled yet; `voxduct models pull orpheus-3b` does"):
        load_synthesiser(EngineOptions(tts="orpheus-3b"))
    with pytest.raises(HubError, match=r"models pull outetts-0\.2:q4`"):
        load_synthesiser(EngineOptions(tts="outetts-0.2:q4"))
    assert hub.requests == []


def test_pull_offline_takes_what_is_here(hub: Hub, tmp_path: Path) -> None:
    online = HubClient(HubOptions(endpoint=hub.address, cache=tmp_path / "cache"))
    offline = HubClient(HubOptions(endpoint=hub.address, cache=tmp_path / "cache", offline=True))
    with pytest.raises(HubError, match=r"orpheus-3b is not in .* offline"):
        pull_voice(VOICE, "fp32", choose_lm, choose_codec, offline, lambda line: None)
    pulled = pull_voice(VOICE, "fp32", choose_lm, choose_codec, online, lambda line: None)
    assert pull_voice(VOICE, "fp32", choose_lm, choose_codec, offline, lambda line: None) == pulled


def test_pull_of_wrong_bytes_of_the_codec_makes_no_voice(hub: Hub, tmp_path: Path) -> None:
    repository, name = hub.repositories[CODEC], "onnx/decoder_model.onnx"
    repository.wrong[name] = noise(len(repository.files[name]), 9)
    client = HubClient(HubOptions(endpoint=hub.address, cache=tmp_path / "cache"))
    with pytest.raises(ChecksumError, match=r"decoder_model\.onnx of .*snac.* with a wrong checksum"):
        pull_voice(VOICE, "fp32", choose_lm, choose_codec, client, lambda line: None)
    assert not list((tmp_path / "cache").rglob("manifest.json"))


def test_name_of_a_voice_may_have_a_precision_but_no_revision() -> None:
    assert find_voice("orpheus-3b:q4") == (VOICE, "q4")
    assert find_voice("./orpheus-3b") is None
    with pytest.raises(UnknownModelError, match="made of two repositories; leave out @v1"):
        find_voice("orpheus-3b@v1")


def test_unknown_voice_names_those_that_can_be_pulled() -> None:
    with pytest.raises(UnknownModelError, match=r"nor one that is pulled \(orpheus-3b, outetts-0\.2"):
        load_synthesiser(EngineOptions(tts="orfeus"))
