from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes_speaking import FakeLm, fake_synthesiser, fake_voice, vocal_code_vectors
from tests.fakes_voices import CODEC, CONSENT, buzz, fake_enroller, fake_shelf
from voxduct.errors import LimitError, VoiceError, VoiceStoreError
from voxduct.events import SpeechAudioEnded, SpeechEnd
from voxduct.tts.stream import SpeechStream
from voxduct.voices import shelf as shelves
from voxduct.voices.enrolment import run_enrolment
from voxduct.voices.shelf import VoiceShelf
from voxduct.voices.sound import Sound
from voxduct.voices.store import VoiceStore


def add(shelf: VoiceShelf, name: str = "anna", seconds: float = 2.0) -> None:
    with shelf.reserved(name):
        enrolled = run_enrolment(shelf.begin(name, lambda: Sound(buzz(seconds), 0.0)))
        stored = shelf.stored(enrolled, CONSENT, "hello")
        shelf.save(stored)
        shelf.put(stored, enrolled)


def delete(shelf: VoiceShelf, name: str = "anna") -> None:
    with shelf.removing(name):
        shelf.erase(name)
        shelf.remove(name)


def names(shelf: VoiceShelf) -> list[str]:
    return [listed.name for listed in shelf]


def test_shelf_lists_shipped_and_own_voices(tmp_path: Path) -> None:
    shelf = fake_shelf(tmp_path)
    add(shelf)
    assert names(shelf) == ["ada", "ben", "anna"]
    assert shelf.named("ada").about is None
    about = shelf.named("anna").about
    assert about is not None and (about.consent, about.transcript, about.speech_s) == (CONSENT, "hello", 2.0)
    with pytest.raises(VoiceError):
        shelf.named("nobody")


def test_shelf_voices_survive_a_restart_and_sound_the_same(tmp_path: Path) -> None:
    first = fake_shelf(tmp_path)
    add(first)
    again = fake_shelf(tmp_path)
    assert names(again) == ["ada", "ben"]
    again.load()
    assert names(again) == ["ada", "ben", "anna"]
    one, other = (shelf.enroller.synthesiser.primed("anna") for shelf in (first, again))
    assert one.state == other.state
    assert np.array_equal(one.voice.speaker, other.voice.speaker)
    assert np.array_equal(one.voice.prompt_codes, other.voice.prompt_codes)


def test_shelf_loading_runs_the_model_once_per_voice(tmp_path: Path) -> None:
    first = fake_shelf(tmp_path)
    add(first, "anna")
    add(first, "bea", 3.0)
    lm = FakeLm()
    again = fake_shelf(tmp_path, lm)
    before = len(lm.fed)
    again.load()
    assert len(lm.fed) == before + 2
    for voice in ("anna", "bea", "ada"):
        again.enroller.synthesiser.voice(voice)
    assert len(lm.fed) == before + 2


def test_shelf_kept_timbre_is_used_again_and_found_anew_beside_another_voice_model(tmp_path: Path) -> None:
    def shelf(lm: FakeLm, *names: str) -> VoiceShelf:
        voices = [fake_voice(name) for name in names]
        synthesiser = fake_synthesiser(lm, voices=voices, vectors=vocal_code_vectors())
        return VoiceShelf(fake_enroller(synthesiser=synthesiser), VoiceStore(tmp_path), CODEC)

    add(shelf(FakeLm(), "ada", "ben"), "anna")
    fed = []
    for names in (("ada", "ben"), ("ada", "another")):
        lm = FakeLm()
        again = shelf(lm, *names)
        before = len(lm.fed)
        again.load()
        fed.append(len(lm.fed) - before)
        assert again.enroller.synthesiser.primed("anna").timbre is not None
    assert fed[0] == 1 and fed[1] > 50


def test_shelf_what_cannot_be_loaded_is_left_out_and_keeps_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(fake_shelf(tmp_path))
    (tmp_path / "bea.npz").write_bytes(b"broken")
    other = fake_shelf(tmp_path, codec="another")
    other.load()
    assert names(other) == ["ada", "ben"]
    assert "anna" in caplog.text and "another codec" in caplog.text and "bea" in caplog.text
    for name in ("anna", "bea"):
        with pytest.raises(VoiceError) as caught, other.reserved(name):
            pass
        assert caught.value.code == "voice_exists"
        delete(other, name)
        add(other, name)
    assert names(other) == ["ada", "ben", "anna", "bea"]


def test_shelf_name_is_held_while_a_voice_is_made(tmp_path: Path) -> None:
    shelf = fake_shelf(tmp_path)
    with shelf.reserved("anna"):
        with pytest.raises(VoiceError), shelf.reserved("anna"):
            pass
        with pytest.raises(VoiceError):
            delete(shelf)
        assert names(shelf) == ["ada", "ben"]
    add(shelf)
    with shelf.removing("anna"):
        with pytest.raises(VoiceError):
            delete(shelf)
        with pytest.raises(VoiceError), shelf.reserved("anna"):
            pass
    assert names(shelf) == ["ada", "ben", "anna"]


def test_shelf_shipped_voices_can_be_neither_replaced_nor_removed(tmp_path: Path) -> None:
    shelf = fake_shelf(tmp_path)
    with pytest.raises(VoiceError) as taken, shelf.reserved("ada"):
        pass
    with pytest.raises(VoiceError) as removed:
        delete(shelf, "ada")
    assert taken.value.code == removed.value.code == "shipped_voice"
    shelf.remove("ada")
    assert names(shelf) == ["ada", "ben"]


def test_shelf_file_named_as_a_shipped_voice_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = fake_shelf(tmp_path)
    add(shelf)
    (tmp_path / "anna.npz").rename(tmp_path / "ada.npz")
    again = fake_shelf(tmp_path)
    again.load()
    assert names(again) == ["ada", "ben"]
    assert again.named("ada").about is None
    assert "ada" in caplog.text


def test_shelf_removed_voice_is_unknown_and_does_not_come_back(tmp_path: Path) -> None:
    shelf = fake_shelf(tmp_path)
    add(shelf)
    delete(shelf)
    assert names(shelf) == ["ada", "ben"]
    with pytest.raises(VoiceError):
        delete(shelf)
    again = fake_shelf(tmp_path)
    again.load()
    assert names(again) == ["ada", "ben"]


def test_shelf_voice_that_is_deleted_while_it_speaks_goes_on(tmp_path: Path) -> None:
    shelf = fake_shelf(tmp_path)
    add(shelf)
    synthesiser = shelf.enroller.synthesiser
    stream = SpeechStream(synthesiser, "a", "anna")
    stream.feed("Hello world. How are you?")
    stream.end()
    job = stream.next_job()
    assert job is not None
    events = stream.receive(job.run())
    shelf.remove("anna")
    with pytest.raises(VoiceError):
        SpeechStream(synthesiser, "b", "anna")
    while (job := stream.next_job()) is not None:
        events += stream.receive(job.run())
    ended = events[-1]
    assert isinstance(ended, SpeechAudioEnded) and ended.reason is SpeechEnd.COMPLETED
    assert ended.samples > 16_000 // 2


def test_shelf_full_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MAX_VOICES", 2)
    shelf = fake_shelf(tmp_path)
    add(shelf, "anna")
    with shelf.reserved("bea"), pytest.raises(LimitError), shelf.reserved("cleo"):
        pass


def test_shelf_voice_that_cannot_be_kept_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "voices").write_text("in the way")
    shelf = fake_shelf(tmp_path / "voices")
    with pytest.raises(VoiceStoreError):
        add(shelf)
    assert names(shelf) == ["ada", "ben"]
