"""Any Whisper in Hugging Face's ONNX layout as a `WhisperModel`; names and shapes are read from the graphs.

The encoder's keys and values are computed by a decoder's first run over an encoding and kept; the decoder's own cache
goes from run to run as OrtValues, without copies. One instance serves all streams and threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime as ort

from voxduct.asr.gate import GateOptions
from voxduct.asr.options import AsrOptions, DecodingOptions
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.tokenizer import Tokenizer
from voxduct.errors import InferenceError, ModelError
from voxduct.models import BatchStep, DecoderStep, Floats, Ints
from voxduct.onnx.graph import Graph, as_value
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.onnx.whisper_files import find_graphs, is_multilingual, read_decoding, read_json

MAX_POSITIONS = 448  # of the decoder
FULL_FRAMES = 3_000  # log-mel frames of 30 s
PROBE_FRAMES = 200  # an encoder that takes these takes any number
MEL_FRAMES = 2  # log-mel frames per encoder frame
FRAME_SAMPLES = 320
ATTENTION = "cross_attentions"  # optional output of a decoder: the alignment heads' weights; `.N` is all of layer N's
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What the encoder said."""

    hidden: ort.OrtValue
    frames: int
    """Encoder frames of the window itself, padding left out."""


@dataclass(slots=True, eq=False)
class DecoderState:
    """A decoder's cache over one encoding, or one per row."""

    encodings: tuple[Encoding, ...]
    """Of each row."""
    cache: dict[str, ort.OrtValue] = field(default_factory=dict)
    """`past_key_values.*` inputs of the next run; empty before the first."""
    position: int = 0
    """Tokens fed so far."""

    @property
    def frames(self) -> int:
        """Encoder frames of the longest row's window, padding left out."""
        return max(encoding.frames for encoding in self.encodings)

    def hidden(self) -> ort.OrtValue:
        """What the encoder said, shape [rows, frames, width]."""
        first = self.encodings[0].hidden
        if len(self.encodings) == 1:
            return first
        return as_value(np.concatenate([encoding.hidden.numpy() for encoding in self.encodings]))


class OnnxWhisper:
    """Loads a folder with `config.json`, `preprocessor_config.json` and `onnx/*.onnx`.

    Raises:
        ModelError: a file is missing, damaged, or not of a Whisper.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(self, folder: Path, options: OrtOptions | None = None, precision: str | None = None) -> None:
        self.graphs = find_graphs(folder, precision)
        self._encoder = Graph(open_session(self.graphs.encoder, options))
        self._first = Graph(open_session(self.graphs.decoder, options))
        past = self.graphs.decoder_with_past
        self._next = self._first if past is None else Graph(open_session(past, options))
        self.num_mels = _num_mels(folder)
        self._heads = [(int(layer), int(head)) for layer, head in _alignment_heads(folder)]
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
        outputs = self._encoder.run({"input_features": as_value(padded)})
        return Encoding(outputs["last_hidden_state"], -(-frames // MEL_FRAMES))

    def num_frames(self, encoding: object) -> int:
        """Encoder frames in an encoding, padding left out."""
        return _checked(encoding, Encoding).frames

    def new_state(self, encoding: object) -> DecoderState:
        """A decoder state with an empty cache."""
        return DecoderState((_checked(encoding, Encoding),))

    def new_batch(self, encodings: Sequence[object]) -> DecoderState:
        """A decoder state with a row for each encoding and an empty cache.

        Raises:
            InferenceError: the encodings are not of equal length; pad the windows to that of the longest.
        """
        rows = tuple(_checked(encoding, Encoding) for encoding in encodings)
        if len({row.hidden.shape()[1] for row in rows}) != 1:
            raise InferenceError("windows of different lengths cannot be decoded together; pad them to the longest")
        return DecoderState(rows)

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        """Feeds tokens after those fed before to a state of one row; advances `state` in place.

        All tokens of the first call are fed at once, those of later calls one by one.
        """
        step = self.decode_batch(np.array([tokens], np.int64), state)
        return DecoderStep(step.logits[0], None if step.attention is None else step.attention[0])

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        """Feeds tokens of shape [rows, n] as `decode` does; advances `state` in place."""
        state = _checked(state, DecoderState)
        if state.position == 0:
            return self._run(self._first, tokens, state)
        if tokens.shape[1] == 1:
            return self._run(self._next, tokens, state)
        steps = [self._run(self._next, tokens[:, i : i + 1], state) for i in range(tokens.shape[1])]
        attention = [step.attention for step in steps if step.attention is not None]
        return BatchStep(
            np.concatenate([step.logits for step in steps], axis=1),
            np.concatenate(attention, axis=2) if attention else None,
        )

    def select(self, rows: Sequence[int], state: object) -> None:
        """Makes these the rows of `state`; the encoder's keys and values are moved only where rows change windows."""
        state = _checked(state, DecoderState)
        encodings = tuple(state.encodings[row] for row in rows)
        if list(rows) == list(range(len(state.encodings))):
            return
        moved = encodings != state.encodings
        for name, value in state.cache.items():
            if moved or ".encoder." not in name:
                state.cache[name] = as_value(np.ascontiguousarray(value.numpy()[np.asarray(rows)]))
        state.encodings = encodings

    def _run(self, graph: Graph, tokens: Ints, state: DecoderState) -> BatchStep:
        outputs = graph.run(self._feeds(graph, tokens, state))
        for name, value in outputs.items():
            if name.startswith("present"):
                past = name.replace("present", "past_key_values", 1)
                if state.position == 0 or ".encoder." not in past:  # a merged decoder repeats them empty
                    state.cache[past] = value
        state.position += tokens.shape[1]
        attention = self._attention(outputs)
        return BatchStep(
            outputs["logits"].numpy().astype(np.float32, copy=False),
            None if attention is None else attention[..., : state.frames].astype(np.float32, copy=False),
        )

    def _attention(self, outputs: dict[str, ort.OrtValue]) -> Floats | None:
        """The alignment heads' weights, shape [rows, heads, tokens, frames], from whichever outputs hold them."""
        if ATTENTION in outputs:
            chosen: Floats = outputs[ATTENTION].numpy()
            return chosen
        layers = {int(name.rpartition(".")[2]): name for name in outputs if name.startswith(f"{ATTENTION}.")}
        if not layers:
            return None
        weights = {layer: outputs[name].numpy() for layer, name in layers.items()}
        heads = self._heads or [
            (n, h) for n in range(len(weights) // 2, len(weights)) for h in range(weights[n].shape[1])
        ]
        return np.stack([weights[layer][:, head] for layer, head in heads], axis=1)

    def _feeds(self, graph: Graph, tokens: Ints, state: DecoderState) -> dict[str, ort.OrtValue]:
        feeds: dict[str, ort.OrtValue] = {}
        for name in graph.inputs:
            match name:
                case "input_ids":
                    feeds[name] = as_value(np.ascontiguousarray(tokens))
                case "encoder_hidden_states":
                    feeds[name] = state.hidden()
                case "use_cache_branch":
                    feeds[name] = as_value(np.array([state.position > 0]))
                case "cache_position":
                    feeds[name] = as_value(np.arange(state.position, state.position + tokens.shape[1]))
                case _ if name.startswith("past_key_values"):
                    feeds[name] = state.cache.get(name) or graph.empty(name, len(state.encodings))
                case _:
                    raise ModelError(f"{self.graphs.decoder} wants an input {name!r} that no known Whisper has")
        return feeds

    def _takes_any_length(self) -> bool:
        shape = self._encoder.inputs["input_features"].shape
        if isinstance(shape[2], int):
            return shape[2] != FULL_FRAMES
        probe = np.zeros((1, self.num_mels, PROBE_FRAMES), self._encoder.floats("input_features"))
        try:
            self._encoder.run({"input_features": as_value(probe)}, quiet=True)
        except Exception:  # its positions are those of 30 s; ONNX Runtime has no common base of its errors
            return False
        return True


WINDOWS = ("max_window_s", "keep_window_s")  # of `AsrOptions`, that a model's `streaming` may set

GATE = ", ".join(field.name for field in fields(GateOptions))  # that a model's `gate` may set


def load_recogniser(
    folder: Path,
    ort_options: OrtOptions | None = None,
    asr_options: AsrOptions | None = None,
    precision: str | None = None,
) -> Recogniser:
    """A recogniser from a folder in Hugging Face's layout, its decoding rules read from there; raises ModelError."""
    tokenizer = Tokenizer.load(folder / "tokenizer.json", multilingual=is_multilingual(folder))
    model = OnnxWhisper(folder, ort_options, precision)
    return Recogniser(model, tokenizer, asr_options or _following(folder), _decoding(folder), _gate(folder))


def _following(folder: Path) -> AsrOptions:
    """How an utterance is followed: `streaming` in config.json, where the model says, over our defaults."""
    told = read_json(folder / "config.json").get("streaming") or {}
    try:
        return replace(AsrOptions(), **{name: float(told[name]) for name in WINDOWS if name in told})  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: `streaming` must hold seconds, not {told!r}") from error


def _gate(folder: Path) -> GateOptions:
    """When a text is not believed: `gate` in config.json, where the model says, over our defaults."""
    told = read_json(folder / "config.json").get("gate") or {}
    try:
        return replace(GateOptions(), **{name: float(value) for name, value in told.items()})  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: `gate` must hold numbers for {GATE}, not {told!r}") from error


def _decoding(folder: Path) -> DecodingOptions:
    """The folder's rules, with those of timestamps and of earlier text."""
    config = {**read_json(folder / "config.json"), **read_json(folder / "generation_config.json")}
    positions = int(config.get("max_target_positions") or MAX_POSITIONS)
    return replace(
        read_decoding(folder),
        max_initial_timestamp=config.get("max_initial_timestamp_index", DecodingOptions().max_initial_timestamp),
        max_previous=positions // 2 - 1,
    )


def _num_mels(folder: Path) -> int:
    config = read_json(folder / "config.json")
    preprocessor = read_json(folder / "preprocessor_config.json")
    found = config.get("num_mel_bins") or preprocessor.get("feature_size")
    if not isinstance(found, int):
        raise ModelError(f"{folder / 'config.json'} does not say num_mel_bins; the model's folder is incomplete")
    return found


def _alignment_heads(folder: Path) -> Sequence[tuple[int, int]]:
    """Layer and head of each; empty where the model does not say."""
    return read_json(folder / "generation_config.json").get("alignment_heads") or ()


def silence_of(log_mel: Floats) -> float:
    """What silence after the window looks like: Whisper's floor is 8 decades below the loudest value, or 1e-10."""
    return max(float(log_mel.max(initial=-np.inf)) - 2.0, -1.5)


def _checked(given: object, wanted: type[_T]) -> _T:
    if not isinstance(given, wanted):
        raise TypeError(f"expected {wanted.__name__}, not {type(given).__name__}")
    return given
