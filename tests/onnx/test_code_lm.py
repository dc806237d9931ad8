"""The adapter on the shipped voice: errors, caching, and the reference loop of the training side."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voxduct.errors import ModelError
from voxduct.onnx.code_lm import OnnxCodeLm, OnnxSpeakerEncoder, read_voice_config, read_voices
from voxduct.tts.codes import CodeStream
from voxduct.tts.voice_codes import VoiceCodes
from voxduct.tts.voices import Voice, prime
from voxduct_training.voice_generate import Sampling, Speech

MODEL = Path(__file__).parents[2] / "models_onnx" / "voxduct-voice-en"


@pytest.fixture(scope="module")
def lm() -> OnnxCodeLm:
    return OnnxCodeLm(MODEL)


@pytest.fixture(scope="module")
def voices() -> list[Voice]:
    return read_voices(MODEL)


def inputs(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 1024, (count, 4)), rng.integers(0, 40, (count, 4)), rng.integers(0, 32, count)


def test_code_lm_steps_one_by_one_say_what_all_at_once_say(lm: OnnxCodeLm, voices: list[Voice]) -> None:
    codes, phones, age = inputs(6)
    whole = lm.step(codes, phones, age, voices[0].speaker, lm.new_state())
    state = lm.new_state()
    for row in range(6):
        part = slice(row, row + 1)
        step = lm.step(codes[part], phones[part], age[part], voices[0].speaker, state)
        assert np.abs(step.logits[0] - whole.logits[row]).max() < 1e-3
        assert abs(float(step.advance[0] - whole.advance[row])) < 1e-3


def test_code_lm_copied_state_goes_on_alone(lm: OnnxCodeLm, voices: list[Voice]) -> None:
    codes, phones, age = inputs(3)
    state = lm.new_state()
    lm.step(codes[:2], phones[:2], age[:2], voices[0].speaker, state)
    copy = lm.copy_state(state)
    first = lm.step(codes[2:], phones[2:], age[2:], voices[0].speaker, copy)
    again = lm.step(codes[2:], phones[2:], age[2:], voices[0].speaker, state)
    assert np.array_equal(first.logits, again.logits)


def test_code_lm_foreign_state_raises_type_error(lm: OnnxCodeLm, voices: list[Voice]) -> None:
    with pytest.raises(TypeError):
        lm.step(*inputs(1), voices[0].speaker, None)


def test_code_stream_on_the_shipped_voice_ends_within_its_bounds(lm: OnnxCodeLm, voices: list[Voice]) -> None:
    config = read_voice_config(MODEL)
    ids = config.ids(["pau", "hh", "ay", "pau"])
    rng = np.random.default_rng(0)
    stream = CodeStream(VoiceCodes(lm, config, prime(voices[0], lm, config), rng), config, ids, rng)
    count = 0
    while (frame := stream.next_frame()) is not None:
        assert frame.min() >= 0
        assert frame.max() < 1024
        count += 1
    assert sum(config.durations[phone].min for phone in ids) <= count
    assert count <= sum(config.durations[phone].max for phone in ids)


def test_voice_config_last_pause_becomes_the_sentences_end() -> None:
    config = read_voice_config(MODEL)
    ids = config.ids(["pau", "ah", "nonsense", "pau"])
    assert ids == [config.phones["pau"], config.phones["ah"], config.unknown_id, config.phones["."]]


def test_speaker_encoder_of_a_prompt_gives_the_voice_it_is_of(voices: list[Voice]) -> None:
    encoder = OnnxSpeakerEncoder(MODEL)
    made = np.stack([encoder.speaker(voice.prompt_codes) for voice in voices])
    stored = np.stack([voice.speaker for voice in voices])
    centre = stored.mean(axis=0)  # what all speakers have in common is most of each vector
    made, stored = made - centre, stored - centre
    likeness = made @ stored.T / np.linalg.norm(made, axis=1)[:, None] / np.linalg.norm(stored, axis=1)
    assert likeness.argmax(axis=1).tolist() == list(range(len(voices)))


@pytest.mark.parametrize("name", ["onnx/lm_step.onnx", "config.json"])
def test_code_lm_missing_file_raises_model_error(tmp_path: Path, name: str) -> None:
    shutil.copytree(MODEL, tmp_path / "voice")
    (tmp_path / "voice" / name).unlink()
    with pytest.raises(ModelError, match=Path(name).name):
        OnnxCodeLm(tmp_path / "voice")


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_read_voices_bad_voice_file_raises_model_error(tmp_path: Path, content: bytes | None) -> None:
    shutil.copytree(MODEL, tmp_path / "voice")
    config = json.loads((MODEL / "config.json").read_text())
    path = tmp_path / "voice" / "voices" / f"{config['voices'][0]['name']}.npz"
    if content is None:
        np.savez(path, speaker=np.zeros(3), prompt_codes=np.zeros((4, 2), int), prompt_phones=np.zeros(2, int))
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"\.npz"):
        read_voices(tmp_path / "voice")


def test_read_voice_config_lacking_fields_raises_model_error(tmp_path: Path) -> None:
    config = json.loads((MODEL / "config.json").read_text())
    del config["delays"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="delays"):
        read_voice_config(tmp_path)


def with_sampling(folder: Path, **changes: float) -> Path:
    config = json.loads((MODEL / "config.json").read_text())
    config["sampling"] |= changes
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_read_voice_config_without_a_spread_has_none(tmp_path: Path) -> None:
    assert "advance_spread" not in json.loads((MODEL / "config.json").read_text())["sampling"]
    assert read_voice_config(MODEL).advance_spread == 0.0
    assert read_voice_config(with_sampling(tmp_path, advance_spread=0.25)).advance_spread == 0.25


@pytest.mark.parametrize(("threshold", "spread"), [(0.5, 0.6), (0.5, -0.1), (0.9, 0.2), (0.5, float("nan"))])
def test_read_voice_config_spread_beyond_certainty_raises_model_error(
    tmp_path: Path, threshold: float, spread: float
) -> None:
    with pytest.raises(ModelError, match="advance_spread"):
        read_voice_config(with_sampling(tmp_path, advance_threshold=threshold, advance_spread=spread))


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_code_stream_draws_what_the_trainings_reference_loop_draws(
    lm: OnnxCodeLm, voices: list[Voice], spread: float
) -> None:
    config = replace(read_voice_config(MODEL), temperatures=(0.0,) * 4, advance_spread=spread)
    reference = Speech(MODEL)
    ids = config.ids(["pau", "hh", "ax", "l", "ow", "pau"])
    rng = np.random.default_rng(0)
    stream = CodeStream(VoiceCodes(lm, config, prime(voices[0], lm, config), rng), config, ids, rng)
    ours = []
    while (frame := stream.next_frame()) is not None:
        ours.append(frame.tolist())
    how = Sampling((0.0,) * 4, advance_threshold=config.advance_threshold, advance_spread=spread)
    theirs = [frame.tolist() for frame in reference.frames(ids, reference.voice(voices[0].name), how)]
    assert ours == theirs
