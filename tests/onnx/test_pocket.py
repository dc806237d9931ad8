"""Pocket TTS' layout, spoken with and held against the same in numpy, which remembers nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.pocket_stand_ins import (
    FRAME,
    LATENT,
    PIECES,
    RATE,
    REFERENCE,
    WIDTH,
    sentencepiece,
    write_pocket,
    write_tensors,
)  # fmt: skip
from voxduct.audio import Samples
from voxduct.errors import ModelError, TextError, VoiceError
from voxduct.events import SpeechAudio, SpeechAudioEnded, SpeechAudioStarted, SpeechEnd
from voxduct.loading import EngineOptions, load_synthesiser
from voxduct.offline import speak
from voxduct.onnx.pocket import load_pocket
from voxduct.onnx.pocket.sentencepiece import read_sentencepiece
from voxduct.tts.pocket.frames import LatentFrames, LatentSound
from voxduct.tts.pocket.synthesiser import PocketSynthesiser
from voxduct.tts.sampling import request_rng
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TtsOptions

CLIP = (np.random.default_rng(0).standard_normal(FRAME * 8) * 0.1).astype(np.float32)
TEXT = "hello good day, hello. Good day!"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = write_pocket(tmp_path / "pocket")
    (made / "voices").mkdir()
    soundfile.write(made / "voices/ada.wav", CLIP, RATE, subtype="FLOAT")
    return made


@pytest.fixture
def pocket(folder: Path) -> PocketSynthesiser:
    return load_pocket(folder)


def said(synthesiser: PocketSynthesiser, text: str = TEXT, voice: str | None = None, seed: int = 0) -> Samples:
    events = list(speak(synthesiser, text, voice, seed))
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


def voice_of(folder: Path) -> np.ndarray:
    before = np.load(folder / "bos_before_voice.npy").reshape(-1, WIDTH)
    return np.concatenate([before, CLIP.reshape(-1, FRAME) @ REFERENCE.hear])


def test_latents_and_sound_are_those_of_numpy(pocket: PocketSynthesiser, folder: Path) -> None:
    tokens = pocket.model.tokens("Hello.")
    state = pocket.model.copy_state(pocket._voices["ada"])
    frames = LatentFrames(pocket.model, state, tokens, 3, pocket.sampling, request_rng(0, 0))
    found = []
    while (frame := frames.next_frame()) is not None:
        found.append(frame)
    rng = request_rng(0, 0)
    noise = np.stack([rng.standard_normal(LATENT) * np.sqrt(0.7) for _ in found]).astype(np.float32)
    expected = REFERENCE.latents(voice_of(folder), tokens, noise, after=3)
    assert len(found) > 5
    assert np.abs(np.stack(found) - expected).max() < 1e-5
    for size in (1, 3, len(found)):
        sound = LatentSound(pocket.model)
        pieces = [sound.feed(np.stack(found[at : at + size], axis=1)) for at in range(0, len(found), size)]
        assert np.abs(np.concatenate([*pieces, sound.flush()]) - REFERENCE.sound(expected)).max() < 1e-5


def test_speech_comes_as_the_events_of_any_voice(folder: Path) -> None:
    started, *pieces, ended = speak(load_synthesiser(EngineOptions(tts=str(folder))), TEXT)
    assert started == SpeechAudioStarted("say", "ada", RATE)
    assert len(pieces) > 2 and all(isinstance(piece, SpeechAudio) for piece in pieces)
    assert isinstance(ended, SpeechAudioEnded) and ended.reason is SpeechEnd.COMPLETED


def test_speech_depends_on_text_voice_and_seed_alone(pocket: PocketSynthesiser) -> None:
    whole = said(pocket)
    assert not np.array_equal(said(pocket, seed=1), whole)
    pocket.options = TtsOptions(job_frames=(1,))
    assert np.array_equal(said(pocket), whole)
    assert np.array_equal(said(pocket), whole)  # the voice's state was not moved


def test_pocket_is_given_whole_sentences(pocket: PocketSynthesiser) -> None:
    stream = SpeechStream(pocket, "a")
    stream.feed("hello hello good day hello, good day good day hello")
    assert stream.next_job() is None


def test_voices_are_read_as_clip_as_conditioning_and_as_states(folder: Path) -> None:
    conditioning = (CLIP.reshape(-1, FRAME) @ REFERENCE.hear)[None]
    write_tensors(folder / "voices/ben.safetensors", {"audio_prompt": conditioning})
    fed = voice_of(folder)
    states = {
        "layers.0/sum": fed.sum(axis=0, dtype=np.float32)[None],
        "layers.0/offset": np.array([len(fed)]),  # an older name of `step`
        "layers.0/cache": np.zeros((2, 1, 3, 3), np.float32),
    }
    write_tensors(folder / "voices/eve.safetensors", states)
    (folder / "voices/README.md").write_text("voices")
    synthesiser = load_pocket(folder)
    assert synthesiser.voices == ("ada", "ben", "eve")
    ada, ben, eve = (said(synthesiser, voice=name) for name in synthesiser.voices)
    assert np.array_equal(ada, ben)
    assert np.abs(ada - eve).max() < 1e-4
    with pytest.raises(VoiceError, match="no voice 'zoe'; this server has ada, ben, eve"):
        said(synthesiser, voice="zoe")
    with pytest.raises(VoiceError, match="cannot be mixed"):
        said(synthesiser, voice="ada+ben")


def test_text_is_prepared_and_cut_by_tokens(pocket: PocketSynthesiser) -> None:
    assert pocket.parts("?!...") == []
    parts = pocket.parts("hello hello, " * 20)
    assert len(parts) > 2
    assert all(len(pocket.model.tokens(str(part))) <= 20 for part in parts)
    assert " ".join(map(str, parts)) == ("hello hello, " * 20).strip()
    with pytest.raises(TextError, match="nothing in the text can be spoken"):
        said(pocket, "...")


def test_sentencepiece_takes_the_likeliest_pieces(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(sentencepiece(PIECES))
    tokenizer = read_sentencepiece(path)
    assert tokenizer.encode("hello   good dan!").tokens == ["▁hello", "▁good", "▁", "d", "a", "n", "!"]
    assert tokenizer.encode("é").ids == [2, 0]


@pytest.mark.parametrize("content", [b"\xff\xff", b"", b"\x0a\x7fabc", sentencepiece(PIECES, kind=2)])
def test_sentencepiece_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"tokenizer\.model is no (unigram )?model of SentencePiece"):
        read_sentencepiece(path)


def change_bundle(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> object:
        path = folder / "bundle.json"
        return path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no voices": (lambda folder: (folder / "voices/ada.wav").unlink(), "put a clip of a few seconds into voices/"),
    "no encoder": (lambda folder: (folder / "mimi_encoder_int8.onnx").unlink(), "hearing it needs mimi_encoder.onnx"),
    "no flow": (lambda folder: (folder / "flow_lm_flow_int8.onnx").unlink(), "has no flow_lm_flow.onnx"),
    "graphs swapped": (
        lambda folder: (folder / "flow_lm_flow_int8.onnx").replace(folder / "text_conditioner_int8.onnx"),
        "has no flow_lm_flow.onnx",
    ),
    "another graph": (
        lambda folder: (folder / "flow_lm_flow_int8.onnx").write_bytes(
            (folder / "text_conditioner_int8.onnx").read_bytes()
        ),
        "a graph of Pocket TTS takes c, s, t, x",
    ),
    "other states": (
        change_bundle(flow_lm_state_manifest=[{"input_name": "a", "output_name": "b", "shape": [1], "dtype": "int64",
                                               "fill": "zeros"}]),
        "has no a, b, which bundle.json lists",
    ),
    "odd states": (change_bundle(mimi_state_manifest=[{"input_name": "a"}]), "are listed in another way"),
    "odd sizes": (change_bundle(latent_dim="many"), "has what is no number"),
    "no clip": (lambda folder: (folder / "voices/ada.wav").write_bytes(b"no"), "ada.wav is no sound"),
    "no tensors": (lambda folder: (folder / "voices/b.safetensors").write_bytes(b"no"), "no file of safetensors"),
    "voice of others": (
        lambda folder: write_tensors(folder / "voices/b.safetensors", {"x/y": CLIP, "x/z": CLIP}),
        "has no states of this model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_folder_with_something_wrong_is_refused(folder: Path, wrong: str) -> None:
    change, message = WRONG[wrong]
    change(folder)
    with pytest.raises(ModelError) as caught:
        load_synthesiser(EngineOptions(tts=str(folder)))
    assert message in str(caught.value)


def test_bundle_without_a_list_of_states_is_read_from_the_graphs(folder: Path, pocket: PocketSynthesiser) -> None:
    change_bundle(flow_lm_state_manifest=None, mimi_state_manifest=None)(folder)
    assert np.array_equal(said(load_pocket(folder)), said(pocket))
