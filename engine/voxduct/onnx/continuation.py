"""The continuation's two language models, and what their folder says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxduct.continuation.options import ContinuationConfig
from voxduct.continuation.stream import Continuer
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats, Ints
from voxduct.onnx.code_lm import CacheState
from voxduct.onnx.codec import OnnxCodec
from voxduct.onnx.files import check_names, read_config
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.onnx.semantic import OnnxSemanticTokenizer

CONTINUATION_TYPE = "voxduct-continuation"
FIELDS = ("clusters", "silent_tokens", "none_code", "delays", "voice_books", "semantic_lm", "acoustic_lm", "sampling")
CACHE = ("past_key", "past_value")
OUTPUTS = ("logits", "present_key", "present_value")


class CachedGraph:
    """A causal transformer whose key-value cache goes in and out."""

    def __init__(self, path: Path, inputs: tuple[str, ...], shape: dict[str, Any], options: OrtOptions | None) -> None:
        """`shape`: `num_layers`, `num_heads`, `head_dim`, `context`. Raises ModelError, also where one is missing."""
        self._path = path
        self._session = open_session(path, options)
        check_names(self._session, path, [*inputs, "position", *CACHE], OUTPUTS)
        try:
            self._empty = (int(shape["num_layers"]), 1, int(shape["num_heads"]), 0, int(shape["head_dim"]))
            self.context = int(shape["context"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"config.json does not say the shape of {path.name}: {error}") from error

    def new_state(self) -> object:
        """An empty key-value cache."""
        return CacheState(np.zeros(self._empty, np.float32), np.zeros(self._empty, np.float32))

    def copy_state(self, state: object) -> object:
        """A state that can go on independently; costs nothing, the arrays are shared until one of them moves on."""
        known = _known(state)
        return CacheState(known.key, known.value, known.position)

    def run(self, feeds: dict[str, npt.NDArray[Any]], steps: int, state: object) -> Floats:
        """Logits of one row of steps; advances `state`. Raises InferenceError, and leaves `state` as it was."""
        known = _known(state)
        keep = max(self.context - steps, 1)
        feeds["position"] = np.arange(known.position, known.position + steps, dtype=np.int64)[None]
        feeds["past_key"], feeds["past_value"] = known.key[:, :, :, -keep:], known.value[:, :, :, -keep:]
        try:
            logits, known.key, known.value = self._session.run(list(OUTPUTS), feeds)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"{self._path.name} failed: {str(error).splitlines()[0][:200]}") from error
        known.position += steps
        found: Floats = logits[0]
        return found


class OnnxSemanticLm:
    """Implements `voxduct.models.SemanticLm` on `onnx/semantic_lm.onnx`."""

    def __init__(self, folder: Path, shape: dict[str, Any], options: OrtOptions | None = None) -> None:
        """Raises ModelError when the file is missing or wrong."""
        self._graph = CachedGraph(folder / "onnx" / "semantic_lm.onnx", ("tokens",), shape, options)
        self.new_state, self.copy_state = self._graph.new_state, self._graph.copy_state

    def step(self, tokens: Ints, state: object) -> Floats:
        """Feeds tokens of shape [n]; logits of shape [n, clusters]. Raises InferenceError, and leaves `state`."""
        return self._graph.run({"tokens": tokens[None]}, len(tokens), state)


class OnnxAcousticLm:
    """Implements `voxduct.models.AcousticLm` on `onnx/acoustic_lm.onnx` and `onnx/voice_vector.onnx`."""

    def __init__(
        self, folder: Path, shape: dict[str, Any], voice_books: int, options: OrtOptions | None = None
    ) -> None:
        """Raises ModelError when a file is missing or wrong."""
        names = ("codes", "semantic", "phase", "speaker")
        self._graph = CachedGraph(folder / "onnx" / "acoustic_lm.onnx", names, shape, options)
        self._voice = open_session(folder / "onnx" / "voice_vector.onnx", options)
        check_names(self._voice, folder / "onnx" / "voice_vector.onnx", ["codes"], ["speaker"])
        self._voice_books = voice_books
        self.new_state, self.copy_state = self._graph.new_state, self._graph.copy_state

    def speaker(self, codes: Ints) -> Floats:
        """Codes of shape [books, frames] to a voice's vector, shape [dim]."""
        (found,) = self._voice.run(["speaker"], {"codes": codes[None, : self._voice_books]})
        vector: Floats = found[0]
        return vector

    def step(self, codes: Ints, semantic: Ints, phase: Ints, speaker: Floats, state: object) -> Floats:
        """As `AcousticLm.step`. Raises InferenceError, and leaves `state` as it was."""
        feeds: dict[str, npt.NDArray[Any]] = {
            "codes": codes[None],
            "semantic": semantic[None],
            "phase": phase[None],
            "speaker": speaker[None],
        }
        return self._graph.run(feeds, len(codes), state)


def _known(state: object) -> CacheState:
    if not isinstance(state, CacheState):
        raise TypeError(f"not a state of this model: {type(state).__name__}")
    return state


def load_continuer(folder: Path, codec: Path, options: OrtOptions | None = None) -> Continuer:
    """A continuation model's folder and the codec it was trained on, put together.

    Raises:
        ModelError: a file is missing or wrong, or the two do not fit each other.
    """
    config = read_config(folder, CONTINUATION_TYPE, FIELDS)
    return Continuer(
        OnnxSemanticTokenizer(folder, options),
        OnnxSemanticLm(folder, config["semantic_lm"], options),
        OnnxAcousticLm(folder, config["acoustic_lm"], int(config["voice_books"]), options),
        OnnxCodec(codec, options),
        _continuation_config(config, folder),
    )


def _continuation_config(config: dict[str, Any], folder: Path) -> ContinuationConfig:
    try:
        sampling = config["sampling"]
        made = ContinuationConfig(
            clusters=int(config["clusters"]),
            silent_tokens=tuple(int(token) for token in config["silent_tokens"]),
            none_code=int(config["none_code"]),
            delays=tuple(int(delay) for delay in config["delays"]),
            semantic_context=int(config["semantic_lm"]["context"]),
            acoustic_context=int(config["acoustic_lm"]["context"]),
            semantic_temperature=float(sampling["semantic_temperature"]),
            semantic_top_p=float(sampling["semantic_top_p"]),
            semantic_top_k=int(sampling["semantic_top_k"]),
            acoustic_temperatures=tuple(float(value) for value in sampling["acoustic_temperatures"]),
            acoustic_top_p=float(sampling["acoustic_top_p"]),
            acoustic_top_k=int(sampling["acoustic_top_k"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'} is not as expected: {type(error).__name__} {error}") from error
    if len(made.acoustic_temperatures) != len(made.delays):
        raise ModelError(f"{folder / 'config.json'} has temperatures for {len(made.acoustic_temperatures)} books only")
    return made
