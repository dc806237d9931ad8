"""Folders with Orpheus and OuteTTS of random weights, loaded and spoken with as any voice is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.codec_exports import write_config
from tests.prompted_exports import PromptedExport, copy, write_speaker
from tests.prompted_tokens import CODES
from voxduct.audio import Samples
from voxduct.cli import main
from voxduct.errors import ModelError, TextError, UnknownModelError, VoiceError
from voxduct.events import Event, SpeechAudio, SpeechAudioEnded, SpeechAudioStarted, SpeechEnd
from voxduct.loading import EngineOptions, load_synthesiser
from voxduct.models import Ints
from voxduct.offline import speak
from voxduct.onnx.prompted import load_prompted
from voxduct.tts.prompted.frames import TokenFrames
from voxduct.tts.prompted.synthesiser import PromptedSynthesiser
from voxduct.tts.prompted.window import WindowedSound
from voxduct.tts.sampling import request_rng
from voxduct.tts.stream import SpeechStream
from voxduct.tts.text_to_speech import TtsOptions

FAMILIES = ["orpheus", "outetts"]
TEXT = "Oh, yes. No!"
Prompted = dict[str, PromptedExport]


def say(synthesiser: PromptedSynthesiser, pieces: list[str], seed: int = 0, voice: str | None = None) -> list[Event]:
    stream = SpeechStream(synthesiser, "a", voice, seed)
    events: list[Event] = []
    for piece in pieces:
        stream.feed(piece)
        while (job := stream.next_job()) is not None:
            events += stream.receive(job.run())
    stream.end()
    while (job := stream.next_job()) is not None:
        events += stream.receive(job.run())
    assert stream.done
    return events


def sound(events: list[Event]) -> Samples:
    return np.concatenate([event.samples for event in events if isinstance(event, SpeechAudio)])


@pytest.fixture(scope="module")
def loaded(prompted: Prompted) -> dict[str, PromptedSynthesiser]:
    return {name: load_prompted(export.folder) for name, export in prompted.items()}


@pytest.fixture(scope="module")
def said(loaded: dict[str, PromptedSynthesiser]) -> dict[str, Samples]:
    return {name: sound(say(synthesiser, [TEXT])) for name, synthesiser in loaded.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_speech_comes_as_the_events_of_any_voice(loaded: dict[str, PromptedSynthesiser], family: str) -> None:
    events = say(loaded[family], [TEXT])
    started, *pieces, ended = events
    assert started == SpeechAudioStarted("a", loaded[family].default_voice, 2400)
    assert len(pieces) >= 2
    at = 0
    for piece in pieces:
        assert isinstance(piece, SpeechAudio) and piece.start == at
        at += len(piece.samples)
    assert ended == SpeechAudioEnded("a", SpeechEnd.COMPLETED, at)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sizes", [(1,), (100,)])
def test_speech_does_not_depend_on_the_size_of_jobs(
    prompted: Prompted, said: dict[str, Samples], family: str, sizes: tuple[int, ...]
) -> None:
    synthesiser = load_prompted(prompted[family].folder)
    synthesiser.options = TtsOptions(job_frames=sizes)
    assert np.array_equal(sound(say(synthesiser, [TEXT])), said[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_speech_does_not_depend_on_how_text_comes(
    loaded: dict[str, PromptedSynthesiser], said: dict[str, Samples], family: str
) -> None:
    assert np.array_equal(sound(say(loaded[family], list(TEXT))), said[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_speech_depends_on_the_seed(
    loaded: dict[str, PromptedSynthesiser], said: dict[str, Samples], family: str
) -> None:
    other = sound(say(loaded[family], [TEXT], seed=7))
    assert not np.array_equal(other[:2000], said[family][:2000])
    assert np.array_equal(other, sound(say(loaded[family], [TEXT], seed=7)))


def test_speech_depends_on_the_voice(loaded: dict[str, PromptedSynthesiser], said: dict[str, Samples]) -> None:
    assert not np.array_equal(sound(say(loaded["orpheus"], [TEXT], voice="zoe"))[:2000], said["orpheus"][:2000])


@pytest.mark.parametrize("family", FAMILIES)
def test_streamed_sound_is_that_of_all_codes_decoded_at_once(
    loaded: dict[str, PromptedSynthesiser], family: str
) -> None:
    synthesiser = loaded[family]
    (part,) = synthesiser.parts("Hello there.")
    codes: list[Ints] = []
    for seed in range(50):
        prompt, script = synthesiser.family.begin(part, synthesiser.default_voice)
        frames = TokenFrames(synthesiser.lm, prompt, script, synthesiser.sampling, request_rng(seed, 0))
        while (frame := frames.next_frame()) is not None and len(codes) < 100:
            codes.append(frame)
        if len(codes) > 20:
            break
    assert len(codes) > 20 and np.min(codes) >= 0 and np.max(codes) < CODES
    windows = synthesiser.windows
    assert windows is not None
    streamed = WindowedSound(synthesiser.codec, windows)
    pieces = [streamed.feed(frame[:, None]) for frame in codes]
    whole = synthesiser.codec.decode(np.stack(codes, axis=1), synthesiser.codec.new_decoder_state())
    assert np.abs(np.concatenate([*pieces, streamed.flush()]) - whole).max() < 1e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_text_without_words_is_refused(loaded: dict[str, PromptedSynthesiser], family: str) -> None:
    with pytest.raises(TextError, match="nothing in the text can be spoken"):
        list(speak(loaded[family], "?! ... <|eot_id|>"))


def test_voice_that_is_not_there_is_refused(loaded: dict[str, PromptedSynthesiser]) -> None:
    with pytest.raises(VoiceError, match="no voice 'nobody'; this server has tara, leah"):
        SpeechStream(loaded["orpheus"], "a", "nobody")
    assert loaded["outetts"].voices == ("ada",)


def test_say_speaks_with_a_folder(prompted: Prompted, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    assert main(["say", "Yes.", "--tts", str(prompted["orpheus"].folder), "--voice", "leo", "-o", str(out)]) == 0
    samples, rate = soundfile.read(out)
    assert rate == 2400 and len(samples) > 200


def test_loading_takes_the_precision_that_is_named(prompted: Prompted, tmp_path: Path) -> None:
    folder = copy(prompted["orpheus"], tmp_path / "voice")
    (folder / "onnx/model.onnx").rename(folder / "onnx/model_q4.onnx")
    (folder / "onnx/model_int8.onnx").write_bytes(b"no graph")
    assert load_synthesiser(EngineOptions(tts=f"{folder}:q4")).voices[0] == "tara"
    with pytest.raises(ModelError, match=r"model_int8\.onnx cannot be loaded"):
        load_synthesiser(EngineOptions(tts=str(folder)))
    with pytest.raises(UnknownModelError, match="'int3' is no precision"):
        load_synthesiser(EngineOptions(tts=f"{folder}:int3"))


def test_folder_says_its_voices_its_codec_and_how_to_sample(prompted: Prompted, tmp_path: Path) -> None:
    folder = copy(prompted["orpheus"], tmp_path / "voice")
    (folder / "codec").rename(tmp_path / "snac")
    said = {"voices": ["pierre"], "codec": "../snac", "temperature": 0, "top_k": 3, "repetition_penalty": 1.1}
    write_config(folder, said, "voice.json")
    synthesiser = load_prompted(folder)
    assert synthesiser.voices == ("pierre",)
    how = synthesiser.sampling
    assert (how.temperature, how.top_p, how.top_k, how.repetition_penalty) == (0.0, 0.8, 3, 1.1)
    first, second = (sound(say(synthesiser, ["Oui."], seed=seed)) for seed in (0, 1))
    assert np.array_equal(first, second)


def test_codec_that_says_little_is_taken_for_the_one_that_is_published(prompted: Prompted, tmp_path: Path) -> None:
    """onnx-community's SNAC and WavTokenizer have a config.json without sizes; ours is too small for those."""
    folder = copy(prompted["outetts"], tmp_path / "voice")
    (folder / "codec/codec.json").unlink()
    (folder / "codec/onnx/encoder_model.onnx").unlink()
    with pytest.raises(ModelError, match=r"has no token <\|64\|>"):  # of 4096 codes
        load_prompted(folder)


def test_outetts_without_speakers_makes_a_voice_up(prompted: Prompted, tmp_path: Path) -> None:
    folder = copy(prompted["outetts"], tmp_path / "voice")
    shutil.rmtree(folder / "speakers")
    synthesiser = load_prompted(folder)
    assert synthesiser.voices == ("any",)
    assert len(sound(say(synthesiser, ["Hello."]))) > 500


MIMI = {"sampling_rate": 2400, "frame_size": 20, "cardinality": CODES}
Change = Callable[[Path], object]
WRONG: dict[str, tuple[str, Change, str]] = {
    "no codec": ("orpheus", lambda folder: shutil.rmtree(folder / "codec"), "no folder `codec` with snac's decoder"),
    "no decoder": (
        "orpheus",
        lambda folder: (folder / "codec/onnx/decoder_model.onnx").unlink(),
        "holds no ONNX codec: expected onnx/decoder_model.onnx",
    ),
    "another codec": (
        "orpheus",
        lambda folder: write_config(folder / "codec", {"family": "mimi", **MIMI}, "codec.json"),
        "holds mimi, but the language model writes codes of snac",
    ),
    "no graph": ("outetts", lambda folder: shutil.rmtree(folder / "onnx"), "holds no ONNX language model"),
    "no weights": (
        "outetts",
        lambda folder: (folder / "onnx/model.onnx").write_bytes(b""),
        "model.onnx cannot be loaded",
    ),
    "tokenizer of others": (
        "orpheus",
        lambda folder: (folder / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {}, "merges": []}}'),
        "whose vocabulary has no codes that are known",
    ),
    "no tokenizer": ("orpheus", lambda folder: (folder / "tokenizer.json").write_text("{}"), "is not a tokenizer"),
    "speaker of others": (
        "outetts",
        lambda folder: write_speaker(folder, words=[{"word": "a", "c1": [1]}]),
        "ada.json is no speaker of OuteTTS 0.2: KeyError 'duration'",
    ),
    "speaker without words": ("outetts", lambda folder: write_speaker(folder, words=[]), "has no words"),
    "odd voices": (
        "orpheus",
        lambda folder: write_config(folder, {"voices": "tara"}, "voice.json"),
        "no list of names",
    ),
    "odd temperature": (
        "orpheus",
        lambda folder: write_config(folder, {"temperature": "hot"}, "voice.json"),
        "what is no number",
    ),
    "odd share": ("orpheus", lambda folder: write_config(folder, {"top_p": 7}, "voice.json"), "out of range"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_folder_with_something_wrong_is_refused(prompted: Prompted, tmp_path: Path, wrong: str) -> None:
    family, change, message = WRONG[wrong]
    folder = copy(prompted[family], tmp_path / "voice")
    change(folder)
    with pytest.raises(ModelError) as caught:
        load_synthesiser(EngineOptions(tts=str(folder)))
    assert message in str(caught.value)
