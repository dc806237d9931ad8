from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.fakes_voices import CODEC, CONSENT
from voxduct.errors import VoiceError, VoiceStoreError
from voxduct.tts.shaping.timbre import Timbre
from voxduct.voices.enrolment import Spoken
from voxduct.voices.store import WRITING, About, StoredVoice, VoiceStore, check_name


def voice(name: str = "anna", frames: int = 120) -> StoredVoice:
    codes = np.random.default_rng(frames).integers(0, 1024, (4, frames))
    about = About(consent=CONSENT, codec=CODEC, speech_s=2.4, transcript="Grüße, “world”\n")
    return StoredVoice(name, Spoken(codes, (10, 110), 2.4), about)


@pytest.mark.parametrize("name", ["a", "anna", "anna-2", "0_x", "a" * 32])
def test_check_name_that_is_one_is_returned(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Anna", "anna ", "-anna", "anna-", "..", "a/b", "a\\b", "../x", "a.npz", "a" * 33, "anña", "a\n", "a\0"],
)
def test_check_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(VoiceError) as caught:
        check_name(name)
    assert caught.value.code == "bad_voice_name"


def test_store_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "voices"
    store = VoiceStore(folder)
    assert (store.names(), "anna" in store, folder.exists()) == ([], False, False)
    saved = voice()
    store.save(saved)
    loaded = VoiceStore(folder).load("anna")
    assert np.array_equal(loaded.spoken.codes, saved.spoken.codes)
    assert (loaded.spoken.prompt, loaded.spoken.speech_s, loaded.about) == ((10, 110), 2.4, saved.about)
    assert (VoiceStore(folder).names(), "anna" in store) == (["anna"], True)


def test_store_timbre_is_kept_with_the_model_it_belongs_to(tmp_path: Path) -> None:
    saved = voice()
    timbre = Timbre(np.random.default_rng(0).normal(size=(2, 29)).astype(np.float32), 41.5)
    spoken = replace(saved.spoken, timbre=timbre, timbre_of="m0del")
    VoiceStore(tmp_path).save(
        replace(saved, spoken=spoken, about=msgspec.structs.replace(saved.about, timbre_of="m0del"))
    )
    loaded = VoiceStore(tmp_path).load("anna").spoken
    assert loaded.timbre is not None and loaded.timbre_of == "m0del"
    assert np.array_equal(loaded.timbre.shift, timbre.shift) and loaded.timbre.loud == timbre.loud


@pytest.mark.parametrize("shift", [np.zeros(29), np.zeros((3, 29)), np.full((2, 29), np.nan)])
def test_store_damaged_timbre_says_so(tmp_path: Path, shift: np.ndarray) -> None:
    saved = voice()
    VoiceStore(tmp_path).save(
        replace(saved, spoken=replace(saved.spoken, timbre=Timbre(shift.astype(np.float32), 1.0)))
    )
    with pytest.raises(VoiceStoreError, match="timbre"):
        VoiceStore(tmp_path).load("anna")


def test_store_is_for_its_owner_only(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path / "voices")
    store.save(voice())
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.folder / "anna.npz").stat().st_mode) == 0o600


def test_store_voice_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path)
    store.save(voice())
    with pytest.raises(VoiceError) as caught:
        store.save(voice(frames=130))
    assert caught.value.code == "voice_exists"
    assert store.load("anna").spoken.codes.shape == (4, 120)


def test_store_write_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store = VoiceStore(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VoiceStoreError, match="No space left"):
        store.save(voice())
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    store.save(voice())
    assert store.names() == ["anna"]


def test_store_what_a_crash_left_is_tidied_and_nothing_else(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path)
    store.tidy()
    store.save(voice())
    (tmp_path / f"{WRITING}x1").write_bytes(b"half")
    (tmp_path / ".mine").write_bytes(b"")
    store.tidy()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", "anna.npz"]
    VoiceStore(tmp_path / "none").tidy()


def test_store_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(VoiceStoreError):
        VoiceStore(tmp_path / "file" / "voices").save(voice())


def test_store_deleted_voice_is_gone(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path)
    store.save(voice())
    store.delete("anna")
    store.delete("anna")
    assert store.names() == []
    with pytest.raises(VoiceError):
        store.load("anna")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY", b"\0" * 2_000_000])
def test_store_damaged_file_is_told_and_can_be_deleted(tmp_path: Path, content: bytes) -> None:
    store = VoiceStore(tmp_path)
    (tmp_path / "anna.npz").write_bytes(content)
    with pytest.raises(VoiceStoreError, match=r"anna\.npz"):
        store.load("anna")
    store.delete("anna")
    assert store.names() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": np.array([50, 500])},
        {"prompt": np.array([3, 3])},
        {"codes": np.zeros(9)},
        {"about": np.zeros(3, np.uint8)},
    ],
)
def test_store_file_that_does_not_fit_together_is_told(tmp_path: Path, changed: dict[str, np.ndarray]) -> None:
    store = VoiceStore(tmp_path)
    store.save(voice())
    with np.load(tmp_path / "anna.npz") as found:
        content = {key: found[key] for key in found.files}
    np.savez(tmp_path / "anna.npz", **(content | changed))
    with pytest.raises(VoiceStoreError):
        store.load("anna")


def test_store_truncated_file_is_told(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path)
    store.save(voice())
    whole = (tmp_path / "anna.npz").read_bytes()
    for size in range(0, len(whole), 97):
        (tmp_path / "anna.npz").write_bytes(whole[:size])
        with pytest.raises(VoiceStoreError):
            store.load("anna")


def test_store_strange_files_are_no_voices(tmp_path: Path) -> None:
    for name in (".anna.x1", "Anna.npz", "readme.txt", "-.npz"):
        (tmp_path / name).write_bytes(b"")
    assert VoiceStore(tmp_path).names() == []
