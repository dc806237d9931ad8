"""The continuation's two language models, and what their folder says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voxduct.continuation.options import ContinuationConfig
from voxduct.continuation.stream import Continuer
from voxduct.errors import ModelError
from voxduct.models import Floats, Ints
from voxduct.onnx.causal import CacheShape, CausalGraph, Feeds
from voxduct.onnx.code_vectors import read_code_vectors
from voxduct.onnx.codec import OnnxCodec
from voxduct.onnx.files import check_names, read_config
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.onnx.semantic import OnnxSemanticTokenizer

CONTINUATION_TYPE = "voxduct-continuation"
FIELDS = ("clusters", "silent_tokens", "none_code", "delays", "voice_books", "semantic_lm", "acoustic_lm", "sampling")


class OnnxSemanticLm:
    """Implements `voxduct.models.SemanticLm` on `onnx/semantic_lm.onnx`."""

    def __init__(self, folder: Path, shape: dict[str, Any], options: OrtOptions | None = None) -> None:
        """Raises ModelError when the file is missing or wrong."""
        self._graph = _opened(folder / "onnx" / "semantic_lm.onnx", ("tokens",), shape, options)
        self.new_state, self.copy_state = self._graph.new_state, self._graph.copy_state

    def step(self, tokens: Ints, state: object) -> Floats:
        """Feeds tokens of shape [n]; logits of shape [n, clusters]. Raises InferenceError, and leaves `state`."""
        (logits,) = self._graph.run({"tokens": tokens[None]}, {}, state)
        found: Floats = logits[0]
        return found


class OnnxAcousticLm:
    """Implements `voxduct.models.AcousticLm` on `onnx/acoustic_lm.onnx` and `onnx/voice_vector.onnx`."""

    def __init__(
        self, folder: Path, shape: dict[str, Any], voice_books: int, options: OrtOptions | None = None
    ) -> None:
        """Raises ModelError when a file is missing or wrong."""
        names = ("codes", "semantic", "phase", "speaker")
        self._graph = _opened(folder / "onnx" / "acoustic_lm.onnx", names, shape, options)
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
        feeds: Feeds = {"codes": codes[None], "semantic": semantic[None], "phase": phase[None]}
        (logits,) = self._graph.run(feeds, {"speaker": speaker[None]}, state)
        found: Floats = logits[0]
        return found


def _opened(path: Path, inputs: tuple[str, ...], shape: dict[str, Any], options: OrtOptions | None) -> CausalGraph:
    """`shape`: `num_layers`, `num_heads`, `head_dim`, `context`. Raises ModelError, also where one is missing."""
    try:
        sizes = CacheShape(*(int(shape[name]) for name in ("num_layers", "num_heads", "head_dim", "context")))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"config.json does not say the shape of {path.name}: {error}") from error
    return CausalGraph(path, inputs, ("logits",), sizes, options)


def load_continuer(folder: Path, codec: Path, options: OrtOptions | None = None) -> Continuer:
    """A continuation model's folder and the codec it was trained on, put together.

    Raises:
        ModelError: a file is missing or wrong, or the two do not fit each other.
    """
    config = read_config(folder, CONTINUATION_TYPE, FIELDS)
    own = OnnxCodec(codec, options)
    return Continuer(
        OnnxSemanticTokenizer(folder, options),
        OnnxSemanticLm(folder, config["semantic_lm"], options),
        OnnxAcousticLm(folder, config["acoustic_lm"], int(config["voice_books"]), options),
        own,
        _continuation_config(config, folder),
        read_code_vectors(codec, own.num_codebooks, own.cardinality),
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
