"""The codec language model's graph, and what a voice folder says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from voxduct.errors import InferenceError, ModelError
from voxduct.models import CodeStep, Floats, Ints
from voxduct.onnx.causal import CacheShape, CausalGraph, Feeds
from voxduct.onnx.files import check_names, read_config
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.tts.config import VoiceConfig
from voxduct.tts.pointer import PhoneDuration
from voxduct.tts.sampling import SamplingOptions
from voxduct.tts.voices import Voice

LM_TYPE = "voxduct-codec-lm"
FIELDS = (
    "phones", "phone_durations", "delays", "none_code", "unknown_phone", "num_layers", "num_heads", "head_dim",
    "speaker_dim", "context_frames", "default_voice", "voices",
)  # fmt: skip
INPUTS = ("codes", "phones", "age", "speaker")
OUTPUTS = ("logits", "advance")


def is_own_voice(folder: Path) -> bool:
    """Whether a folder says that it holds such a model; does not raise."""
    try:
        read_config(folder, LM_TYPE, ())
    except ModelError:
        return False
    return True


class OnnxCodeLm:
    """Implements `voxduct.models.CodeLm` on `onnx/lm_step.onnx`."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        config = read_config(folder, LM_TYPE, FIELDS)
        sizes = ("num_layers", "num_heads", "head_dim", "context_frames")
        shape = CacheShape(*(int(config[name]) for name in sizes))
        self._graph = CausalGraph(folder / "onnx" / "lm_step.onnx", INPUTS, OUTPUTS, shape, options)
        self.new_state, self.copy_state = self._graph.new_state, self._graph.copy_state

    def step(self, codes: Ints, phones: Ints, age: Ints, speaker: Floats, state: object) -> CodeStep:
        """Feeds steps; advances `state`. Raises InferenceError."""
        feeds: Feeds = {"codes": codes[None], "phones": np.ascontiguousarray(phones[None]), "age": age[None]}
        logits, advance = self._graph.run(feeds, {"speaker": speaker[None]}, state)
        return CodeStep(logits[0], advance[0])


def read_voice_config(folder: Path) -> VoiceConfig:
    """What `config.json` says about phones, durations and sampling. Raises ModelError."""
    config = read_config(folder, LM_TYPE, FIELDS)
    try:
        return _voice_config(config)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"{folder / 'config.json'} is not as expected: {type(error).__name__} {error}") from error


def _voice_config(config: dict[str, Any]) -> VoiceConfig:
    phones = {name: index for index, name in enumerate(config["phones"])}
    durations = {
        phones[name]: PhoneDuration(float(length["mean"]), int(length["min"]))
        for name, length in config["phone_durations"].items()
    }
    sampling = config.get("sampling", {})
    books = len(config["delays"])
    threshold, spread = float(sampling.get("advance_threshold", 0.5)), float(sampling.get("advance_spread", 0.0))
    if not 0.0 <= spread <= min(threshold, 1.0 - threshold):
        raise ValueError(f"advance_spread {spread:g}: {threshold:g} plus and minus it must lie from 0 to 1")
    temperatures = sampling.get("temperatures") or (sampling.get("temperature", 0.7),) * books
    return VoiceConfig(
        phones=phones,
        durations=durations,
        unknown_id=phones[config["unknown_phone"]],
        none_code=int(config["none_code"]),
        delays=tuple(config["delays"]),
        sampling=SamplingOptions(
            top_p=float(sampling.get("top_p", 0.8)),
            top_k=int(sampling.get("top_k", 25)),
            repetition_window=int(sampling.get("repetition_window", 0)),
        ),
        temperatures=tuple(float(temperature) for temperature in temperatures),
        advance_threshold=threshold,
        advance_spread=spread,
        default_voice=str(config["default_voice"]),
    )


def read_voices(folder: Path) -> list[Voice]:
    """The voices that `config.json` lists, from `voices/<name>.npz`. Raises ModelError."""
    config = read_config(folder, LM_TYPE, FIELDS)
    return [
        read_voice(folder / "voices" / f"{entry['name']}.npz", str(entry["name"]), int(config["speaker_dim"]))
        for entry in config["voices"]
    ]


def read_voice(path: Path, name: str, speaker_dim: int) -> Voice:
    """One voice's file. Raises ModelError."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            voice = Voice(
                name,
                np.asarray(stored["speaker"], np.float32).reshape(-1),
                np.asarray(stored["prompt_codes"], np.int64),
                np.asarray(stored["prompt_phones"], np.int64),
            )
    except Exception as error:  # zip, pickle, key and value errors alike mean a wrong file
        raise ModelError(f"{path} is not a voice: {type(error).__name__} {error}") from error
    if voice.speaker.shape != (speaker_dim,) or voice.prompt_codes.shape[1:] != voice.prompt_phones.shape:
        raise ModelError(f"{path} does not fit its model: shapes {voice.speaker.shape}, {voice.prompt_codes.shape}")
    return voice


class OnnxSpeakerEncoder:
    """Implements `voxduct.models.SpeakerEncoder` on `onnx/speaker_encoder.onnx`."""

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when `onnx/speaker_encoder.onnx` is missing or wrong."""
        path = folder / "onnx" / "speaker_encoder.onnx"
        self._session = open_session(path, options)
        check_names(self._session, path, ["codes"], ["speaker"])

    def speaker(self, codes: Ints) -> Floats:
        """Codes of shape [books, frames] to a vector of shape [speaker_dim]. Raises InferenceError."""
        try:
            (found,) = self._session.run(["speaker"], {"codes": codes[None]})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"speaker_encoder.onnx failed: {str(error).splitlines()[0][:200]}") from error
        vector: Floats = found[0]
        return vector
