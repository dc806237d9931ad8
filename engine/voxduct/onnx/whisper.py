"""Any Whisper in Hugging Face's ONNX layout as a `WhisperModel`; names and shapes are read from the graphs.

Decoders are of two kinds: as exporters write them (`whisper_exported`), and as preparing a model makes them
(`whisper_in_place`). One instance serves all streams and threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from voxduct.asr.decode.vocabulary import Vocabulary
from voxduct.asr.gate import GateOptions
from voxduct.asr.listening import MEL_FRAMES
from voxduct.asr.options import AsrOptions, DecodingOptions, StreamingPolicy
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.tokenizer import Tokenizer
from voxduct.errors import InferenceError, ModelError
from voxduct.models import BatchStep, DecoderStep, Floats, Ints
from voxduct.onnx.graph import Graph, as_value
from voxduct.onnx.runtime import OrtOptions, open_session
from voxduct.onnx.whisper_encoding import Encoding, checked, join
from voxduct.onnx.whisper_exported import ExportedDecoder
from voxduct.onnx.whisper_files import find_graphs, is_multilingual, read_decoding, read_json
from voxduct.onnx.whisper_in_place import LENGTHS, InPlaceDecoder
from voxduct.onnx.whisper_streaming import StreamingEncoder

MAX_POSITIONS = 448  # of the decoder
FULL_FRAMES = 3_000  # log-mel frames of 30 s
PROBE_FRAMES = 200  # an encoder that takes these takes any number
FRAME_SAMPLES = 320
SPELLING = "ctc_logits"  # the encoder's output
VOCABULARY = "vocabulary.npz"  # words and which follow which


class OnnxWhisper:
    """Loads a folder with `config.json`, `preprocessor_config.json` and `onnx/*.onnx`.

    Raises:
        ModelError: a file is missing, damaged, or not of a Whisper.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(self, folder: Path, options: OrtOptions | None = None, precision: str | None = None) -> None:
        self.graphs = find_graphs(folder, precision)
        self._streaming = _streaming_encoder(folder, self.graphs.streaming, options)
        self._encoder = None if self._streaming else Graph(open_session(self.graphs.encoder, options))
        self.streaming = self._streaming is not None
        """Whether it can hear a stream chunk by chunk: see `StreamingWhisperModel`."""
        self.streaming_frames = int(read_json(folder / "config.json").get("max_source_positions") or FULL_FRAMES // 2)
        self.letters = _letters(folder)
        """Signs that the encoder spells with besides: see `SpellingWhisperModel`."""
        self._decoder = self._open_decoder(folder, options)
        self.num_mels = _num_mels(folder)
        self.dynamic = self._takes_any_length()
        """Whether the encoder takes windows of any length; if not, they are padded to 30 s."""

    def encode(self, log_mel: Floats) -> Encoding:
        """Log-mel of shape [num_mels, frames], at most 3,000 frames, to an encoding."""
        frames = log_mel.shape[1]
        if frames > FULL_FRAMES:
            raise InferenceError(f"a window of {frames} frames is longer than the {FULL_FRAMES} a Whisper takes")
        width = frames + frames % MEL_FRAMES if self.dynamic else FULL_FRAMES
        padded = np.full((self.num_mels, width), silence_of(log_mel), np.float32)
        padded[:, :frames] = log_mel
        if self._encoder is None:
            return self._listener().encode(padded)
        features = padded[None].astype(self._encoder.floats("input_features"), copy=False)
        return Encoding(self._encoder.run({"input_features": as_value(features)}), -(-frames // MEL_FRAMES))

    def encode_next(self, log_mel: Floats, memory: object | None, keep: int | None = None) -> tuple[Encoding, object]:
        """The next frames of a stream; see `StreamingWhisperModel`. Raises InferenceError where it cannot."""
        return self._listener().encode_next(log_mel, memory, keep)

    def join(self, encodings: Sequence[object], drop: int, take: int | None = None) -> Encoding:
        """Encodings of consecutive frames as one, without the first `drop` frames; then so many, or all."""
        return join([checked(encoding, Encoding) for encoding in encodings], drop, take)

    def _listener(self) -> StreamingEncoder:
        if self._streaming is None:
            raise InferenceError("this model's encoder hears whole windows only; it has no encoder_streaming.onnx")
        return self._streaming

    def spelling(self, encoding: object) -> Floats:
        """Scores of the blank and of each of `letters`, shape [frames, classes].

        Raises:
            InferenceError: the encoder's graph has no such output.
        """
        heard = checked(encoding, Encoding)
        if SPELLING not in heard.outputs:
            raise InferenceError(f"config.json names ctc_vocabulary, but the encoder has no output {SPELLING}")
        scores: Floats = heard.outputs[SPELLING].numpy()[0, : heard.frames]
        return scores.astype(np.float32, copy=False)

    def num_frames(self, encoding: object) -> int:
        """Encoder frames in an encoding, padding left out."""
        return checked(encoding, Encoding).frames

    def new_state(self, encoding: object) -> object:
        """A decoder state with an empty cache."""
        return self._decoder.new_state([checked(encoding, Encoding)])

    def new_batch(self, encodings: Sequence[object]) -> object:
        """A decoder state with a row for each encoding and an empty cache.

        Raises:
            InferenceError: the encodings are not of equal length; pad the windows to that of the longest.
        """
        rows = [checked(encoding, Encoding) for encoding in encodings]
        if len({next(iter(row.outputs.values())).shape()[-2] for row in rows}) != 1:
            raise InferenceError("windows of different lengths cannot be decoded together; pad them to the longest")
        return self._decoder.new_state(rows)

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        """Feeds tokens after those fed before to a state of one row; advances `state` in place."""
        step = self.decode_batch(np.array([tokens], np.int64), state)
        return DecoderStep(step.logits[0], None if step.attention is None else step.attention[0])

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        """Feeds tokens of shape [rows, n] as `decode` does; advances `state` in place."""
        return self._decoder.decode(tokens, state)

    def rewind(self, tokens: int, state: object) -> None:
        """Forgets all but the first `tokens` tokens that were fed to a state."""
        self._decoder.rewind(tokens, state)

    def select(self, rows: Sequence[int], state: object) -> None:
        """Makes these the rows of `state`."""
        self._decoder.select(rows, state)

    def _open_decoder(self, folder: Path, options: OrtOptions | None) -> ExportedDecoder | InPlaceDecoder:
        path, past = self.graphs.decoder, self.graphs.decoder_with_past
        first = Graph(open_session(path, options))
        if LENGTHS in first.inputs:
            return InPlaceDecoder(first)
        following = first if past is None else Graph(open_session(past, options))
        heads = [(int(layer), int(head)) for layer, head in _alignment_heads(folder)]
        return ExportedDecoder(first, following, heads, path)

    def _takes_any_length(self) -> bool:
        if self._encoder is None:
            return True
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
    path = folder / VOCABULARY
    vocabulary = Vocabulary.load(path) if path.exists() else None
    options = asr_options or _following(folder)
    return Recogniser(model, tokenizer, options, _decoding(folder), _gate(folder), vocabulary)


def _following(folder: Path) -> AsrOptions:
    """How an utterance is followed: `streaming` in config.json, where the model says, over our defaults."""
    told = read_json(folder / "config.json").get("streaming") or {}
    try:
        windows = {name: float(told[name]) for name in WINDOWS if name in told}
        heads = tuple(int(head) for head in told.get("timing_heads", ()))
        lookahead_ms = int(told.get("lookahead_ms", AsrOptions().lookahead_ms))
        options = replace(AsrOptions(), timing_heads=heads, lookahead_ms=lookahead_ms, **windows)  # type: ignore[arg-type]
        options = replace(options, policy=StreamingPolicy(told.get("policy", options.policy)))
        return options.with_delay(int(told["delay_ms"])) if "delay_ms" in told else options
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: `streaming` cannot be {told!r}: {error}") from error


def _gate(folder: Path) -> GateOptions:
    """When a text is not believed: `gate` in config.json, where the model says, over our defaults."""
    told = read_json(folder / "config.json").get("gate") or {}
    try:
        return replace(GateOptions(), **{name: float(value) for name, value in told.items()})  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: `gate` must hold numbers for {GATE}, not {told!r}") from error


def _decoding(folder: Path) -> DecodingOptions:
    """The folder's rules, with those of timestamps and of earlier text, and as many beams as it asks for."""
    config = {**read_json(folder / "config.json"), **read_json(folder / "generation_config.json")}
    positions = int(config.get("max_target_positions") or MAX_POSITIONS)
    return replace(
        read_decoding(folder),
        max_initial_timestamp=config.get("max_initial_timestamp_index", DecodingOptions().max_initial_timestamp),
        max_previous=positions // 2 - 1,
        beams=max(int(config.get("num_beams") or 1), 1),
    )


def _streaming_encoder(folder: Path, path: Path | None, options: OrtOptions | None) -> StreamingEncoder | None:
    """The encoder that looks back, where the folder has one and says how far."""
    if path is None:
        return None
    left = (read_json(folder / "config.json").get("streaming") or {}).get("left_frames")
    if not isinstance(left, int) or left < 1:
        raise ModelError(
            f"{folder / 'config.json'} does not say streaming.left_frames, how far {path.name} looks back; "
            f"fetch the model again, or remove {path.name}"
        )
    return StreamingEncoder(Graph(open_session(path, options)), left)


def _num_mels(folder: Path) -> int:
    config = read_json(folder / "config.json")
    preprocessor = read_json(folder / "preprocessor_config.json")
    found = config.get("num_mel_bins") or preprocessor.get("feature_size")
    if not isinstance(found, int):
        raise ModelError(f"{folder / 'config.json'} does not say num_mel_bins; the model's folder is incomplete")
    return found


def _letters(folder: Path) -> tuple[str, ...]:
    """Of `ctc_vocabulary` in config.json, whose first entry is the blank; none where the model says nothing."""
    told = read_json(folder / "config.json").get("ctc_vocabulary") or ()
    if not all(isinstance(letter, str) and len(letter) == 1 for letter in told[1:]):
        raise ModelError(f"{folder / 'config.json'}: ctc_vocabulary must hold a blank and single signs")
    return tuple(told[1:])


def _alignment_heads(folder: Path) -> Sequence[tuple[int, int]]:
    """Layer and head of each; empty where the model does not say."""
    return read_json(folder / "generation_config.json").get("alignment_heads") or ()


def silence_of(log_mel: Floats) -> float:
    """What silence after the window looks like: Whisper's floor is 8 decades below the loudest value, or 1e-10."""
    return max(float(log_mel.max(initial=-np.inf)) - 2.0, -1.5)
