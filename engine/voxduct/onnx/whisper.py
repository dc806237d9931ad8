"""Any Whisper in Hugging Face's ONNX layout as a `WhisperModel`; names and shapes are read from the graphs.

The encoder's keys and values are computed by a decoder's first run over an encoding and kept; the decoder's own cache
goes from run to run as OrtValues, without copies. One instance serves all streams and threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from voxduct.asr.options import AsrOptions
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.tokenizer import Tokenizer
from voxduct.errors import InferenceError, ModelError
from voxduct.models import DecoderStep, Floats
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.onnx.whisper_files import find_graphs, is_multilingual, read_decoding, read_json

FULL_FRAMES = 3_000  # log-mel frames of 30 s
PROBE_FRAMES = 200  # an encoder that takes these takes any number
MEL_FRAMES = 2  # log-mel frames per encoder frame
FRAME_SAMPLES = 320
ATTENTION = "cross_attentions"  # optional output of a decoder: the alignment heads' weights
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What the encoder said."""

    hidden: ort.OrtValue
    frames: int
    """Encoder frames of the window itself, padding left out."""


@dataclass(slots=True, eq=False)
class DecoderState:
    """A decoder's cache over one encoding."""

    encoding: Encoding
    cache: dict[str, ort.OrtValue] = field(default_factory=dict)
    """`past_key_values.*` inputs of the next run; empty before the first."""
    position: int = 0
    """Tokens fed so far."""


class OnnxWhisper:
    """Loads a folder with `config.json`, `preprocessor_config.json` and `onnx/*.onnx`.

    Raises:
        ModelError: a file is missing, damaged, or not of a Whisper.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(self, folder: Path, options: OrtOptions | None = None, precision: str | None = None) -> None:
        self.graphs = find_graphs(folder, precision)
        self._encoder = _Graph(open_session(self.graphs.encoder, options))
        self._first = _Graph(open_session(self.graphs.decoder, options))
        past = self.graphs.decoder_with_past
        self._next = self._first if past is None else _Graph(open_session(past, options))
        self.num_mels = _num_mels(folder)
        self.dynamic = self._takes_any_length()
        """Whether the encoder takes windows of any length; if not, they are padded to 30 s."""

    def encode(self, log_mel: Floats) -> Encoding:
        """Log-mel of shape [num_mels, frames], at most 3,000 frames, to an encoding."""
        frames = log_mel.shape[1]
        if frames > FULL_FRAMES:
            raise InferenceError(f"a window of {frames} frames is longer than the {FULL_FRAMES} a Whisper takes")
        width = frames + frames % MEL_FRAMES if self.dynamic else FULL_FRAMES
        padded = np.full((1, self.num_mels, width), silence_of(log_mel), self._encoder.floats("input_features"))
        padded[0, :, :frames] = log_mel
        outputs = self._encoder.run({"input_features": _value(padded)})
        return Encoding(outputs["last_hidden_state"], -(-frames // MEL_FRAMES))

    def num_frames(self, encoding: object) -> int:
        """Encoder frames in an encoding, padding left out."""
        return _checked(encoding, Encoding).frames

    def new_state(self, encoding: object) -> DecoderState:
        """A decoder state with an empty cache."""
        return DecoderState(_checked(encoding, Encoding))

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        """Feeds tokens after those fed before; advances `state` in place.

        All tokens of the first call are fed at once, those of later calls one by one.
        """
        state = _checked(state, DecoderState)
        if state.position == 0:
            return self._run(self._first, tokens, state)
        steps = [self._run(self._next, [token], state) for token in tokens]
        attention = [step.attention for step in steps if step.attention is not None]
        return DecoderStep(
            np.concatenate([step.logits for step in steps]),
            np.concatenate(attention, axis=1) if attention else None,
        )

    def _run(self, graph: _Graph, tokens: Sequence[int], state: DecoderState) -> DecoderStep:
        outputs = graph.run(self._feeds(graph, tokens, state))
        for name, value in outputs.items():
            if name.startswith("present"):
                past = name.replace("present", "past_key_values", 1)
                if state.position == 0 or ".encoder." not in past:  # a merged decoder repeats them empty
                    state.cache[past] = value
        state.position += len(tokens)
        attention = outputs.get(ATTENTION)
        rows = None if attention is None else attention.numpy()[0, :, :, : state.encoding.frames]
        return DecoderStep(
            outputs["logits"].numpy()[0].astype(np.float32, copy=False),
            None if rows is None else rows.astype(np.float32, copy=False),
        )

    def _feeds(self, graph: _Graph, tokens: Sequence[int], state: DecoderState) -> dict[str, ort.OrtValue]:
        feeds: dict[str, ort.OrtValue] = {}
        for name in graph.inputs:
            match name:
                case "input_ids":
                    feeds[name] = _value(np.array([tokens], np.int64))
                case "encoder_hidden_states":
                    feeds[name] = state.encoding.hidden
                case "use_cache_branch":
                    feeds[name] = _value(np.array([state.position > 0]))
                case "cache_position":
                    feeds[name] = _value(np.arange(state.position, state.position + len(tokens)))
                case _ if name.startswith("past_key_values"):
                    feeds[name] = state.cache.get(name) or graph.empty(name)
                case _:
                    raise ModelError(f"{self.graphs.decoder} wants an input {name!r} that no known Whisper has")
        return feeds

    def _takes_any_length(self) -> bool:
        shape = self._encoder.inputs["input_features"].shape
        if isinstance(shape[2], int):
            return shape[2] != FULL_FRAMES
        probe = np.zeros((1, self.num_mels, PROBE_FRAMES), self._encoder.floats("input_features"))
        try:
            self._encoder.run({"input_features": _value(probe)}, quiet=True)
        except Exception:  # its positions are those of 30 s; ONNX Runtime has no common base of its errors
            return False
        return True


class _Graph:
    """A session with its inputs by name."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.inputs = {given.name: given for given in session.get_inputs()}
        self._outputs = [output.name for output in session.get_outputs()]
        self._empty = {name: self._make_empty(name) for name in self.inputs if name.startswith("past_key_values")}

    def floats(self, name: str) -> type[np.float16] | type[np.float32]:
        """The type of a floating-point input."""
        return np.float16 if self.inputs[name].type == "tensor(float16)" else np.float32

    def empty(self, name: str) -> ort.OrtValue:
        """A cache of no tokens."""
        return self._empty[name]

    def run(self, feeds: dict[str, ort.OrtValue], *, quiet: bool = False) -> dict[str, ort.OrtValue]:
        """All outputs by name; `quiet` keeps a failure out of ONNX Runtime's log."""
        options = ort.RunOptions()
        if quiet:
            options.log_severity_level = 4
        values = self._session.run_with_ort_values(self._outputs, feeds, options)
        return dict(zip(self._outputs, values, strict=True))

    def _make_empty(self, name: str) -> ort.OrtValue:
        batch_heads_length_width = self.inputs[name].shape
        heads, width = batch_heads_length_width[1], batch_heads_length_width[3]
        return _value(np.zeros((1, heads, 0, width), self.floats(name)))


def load_recogniser(
    folder: Path,
    ort_options: OrtOptions | None = None,
    asr_options: AsrOptions | None = None,
    precision: str | None = None,
) -> Recogniser:
    """A recogniser from a folder in Hugging Face's layout, its decoding rules read from there; raises ModelError."""
    tokenizer = Tokenizer.load(folder / "tokenizer.json", multilingual=is_multilingual(folder))
    model = OnnxWhisper(folder, ort_options, precision)
    return Recogniser(model, tokenizer, asr_options, decoding=read_decoding(folder))


def _num_mels(folder: Path) -> int:
    config = read_json(folder / "config.json")
    preprocessor = read_json(folder / "preprocessor_config.json")
    found = config.get("num_mel_bins") or preprocessor.get("feature_size")
    if not isinstance(found, int):
        raise ModelError(f"{folder / 'config.json'} does not say num_mel_bins; the model's folder is incomplete")
    return found


def silence_of(log_mel: Floats) -> float:
    """What silence after the window looks like: Whisper's floor is 8 decades below the loudest value, or 1e-10."""
    return max(float(log_mel.max(initial=-np.inf)) - 2.0, -1.5)


def _value(array: npt.NDArray[np.generic]) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(array)


def _checked(given: object, wanted: type[_T]) -> _T:
    if not isinstance(given, wanted):
        raise TypeError(f"expected {wanted.__name__}, not {type(given).__name__}")
    return given
