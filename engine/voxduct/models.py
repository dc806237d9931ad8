"""What a model must offer, and what a unit of inference is. Nothing here runs a model.

Weights are shared by all sessions; what one stream remembers is a separate state object that the stage owns and that
one running job at a time may touch. `voxduct.onnx` implements these protocols; tests implement them in a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from voxduct.audio import Samples

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class JobKind(IntEnum):
    """What a job computes; the smaller, the sooner it should run."""

    DECODE = 0  # a microphone's codes to samples; like VAD short, and everything else depends on it
    VAD = 1
    FINAL = 2  # never dropped
    SPEECH = 3
    UPDATE = 4  # a stale one may be coalesced with its successor
    REVISION = 5  # only when nothing else waits and workers are to spare


@dataclass(frozen=True, slots=True, eq=False)
class SharedRun:
    """A way to run several jobs in one go."""

    run: Callable[[Sequence[object]], Sequence[object]]
    """Arguments of several jobs to their results, in order. All jobs with an equal `run` may be put together. When it
    raises, it has changed nothing."""
    argument: object
    """This job's."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One unit of inference that a stage wants done.

    The shell calls `run` on any thread, once, and hands what it returned (or the exception) back to where the job
    came from. A stage has at most one job out at a time, besides a speculation; dropping a job of a closed stage is
    always allowed.
    """

    kind: JobKind
    run: Callable[[], object]
    audio_samples: int
    """How much audio the job is about: to be made for `SPEECH`, heard for the others."""
    shared: SharedRun | None = None
    """How it runs with others; None: alone."""


class VadModel(Protocol):
    """Speech probability per frame."""

    @property
    def frame_size(self) -> int:
        """Samples of one frame at 16 kHz."""

    def new_state(self) -> object:
        """The state of a stream that has heard nothing."""

    def probabilities(self, frames: Floats, state: object) -> Floats:
        """Frames of shape [n, frame_size] to probabilities of shape [n]; advances `state` in place."""


@runtime_checkable
class SharedVadModel(VadModel, Protocol):
    """A VAD that judges the frames of several streams in one go."""

    def probabilities_together(self, streams: Sequence[object]) -> list[Floats]:
        """(frames, state) of several streams to the probabilities of each; when it raises, no state has changed."""


@dataclass(frozen=True, slots=True)
class DecoderStep:
    """What a decoder said about the tokens it was just fed."""

    logits: Floats
    """Shape [tokens, vocabulary]."""
    attention: Floats | None
    """Alignment heads' cross-attention, shape [heads, tokens, encoder frames]; None when the export has none."""


@dataclass(frozen=True, slots=True)
class BatchStep:
    """What a decoder said about the tokens that several rows were just fed."""

    logits: Floats
    """Shape [rows, tokens, vocabulary]."""
    attention: Floats | None
    """Alignment heads' cross-attention, shape [rows, heads, tokens, encoder frames]; None when there is none."""


class WhisperModel(Protocol):
    """A Whisper of any size: an encoder and a decoder with a key-value cache.

    A state has one row, or one per hypothesis or window that is decoded together with others.
    """

    num_mels: int
    frame_samples: int
    """Samples of one encoder frame (320 = 20 ms)."""
    dynamic: bool
    """Whether a window costs what it holds; if not, each costs 30 s."""

    def encode(self, log_mel: Floats) -> object:
        """Log-mel of shape [num_mels, frames] to an opaque encoding."""

    def num_frames(self, encoding: object) -> int:
        """Encoder frames in an encoding."""

    def new_state(self, encoding: object) -> object:
        """A decoder state (empty cache) over an encoding."""

    def decode(self, tokens: Sequence[int], state: object) -> DecoderStep:
        """Feeds tokens after those fed before to a state of one row; advances `state` in place."""

    def rewind(self, tokens: int, state: object) -> None:
        """Forgets all but the first `tokens` tokens that were fed to a state; there are as many at least."""

    def new_batch(self, encodings: Sequence[object]) -> object:
        """A decoder state with a row for each encoding; they must be of equal length."""

    def decode_batch(self, tokens: Ints, state: object) -> BatchStep:
        """Feeds tokens of shape [rows, n] after those fed before; advances `state` in place."""

    def select(self, rows: Sequence[int], state: object) -> None:
        """Makes these the rows of `state`: in a new order, several times each, or left out."""


@runtime_checkable
class StreamingWhisperModel(WhisperModel, Protocol):
    """A Whisper whose encoder can also hear a stream chunk by chunk, each frame once."""

    streaming: bool
    """Whether this one can; if not, the rest raises."""
    streaming_frames: int
    """Encoder frames after which a stream must begin anew."""

    def encode_next(self, log_mel: Floats, memory: object | None, keep: int | None = None) -> tuple[object, object]:
        """The stream's next frames.

        Args:
            log_mel: shape [num_mels, 2 * frames + 2]: the frames' own, and one more on each side; zeros where the
                stream has not begun or has ended.
            memory: what the call before returned; None at the start. It is not changed.
            keep: after how many of these frames the memory is taken, at least one; None: after all. The others have
                been heard in passing, and are to be given again.

        Returns:
            The encoding of these frames, and the memory.
        """

    def join(self, encodings: Sequence[object], drop: int, take: int | None = None) -> object:
        """Encodings of consecutive frames as one, without the first `drop` frames; then so many, or all."""


@runtime_checkable
class SpellingWhisperModel(WhisperModel, Protocol):
    """A Whisper whose encoder also spells what it hears, by a CTC head over letters."""

    letters: tuple[str, ...]
    """The head's classes after the blank, one sign each; empty where this model has no such head."""

    def spelling(self, encoding: object) -> Floats:
        """Scores of the blank and of each letter, shape [frames, 1 + letters]; only where there are letters."""


class Codec(Protocol):
    """A streaming neural codec: frames of `frame_size` samples to `num_codebooks` ids and back."""

    sample_rate: int
    frame_size: int
    num_codebooks: int
    cardinality: int

    def new_encoder_state(self) -> object:
        """The state of an encoder that has heard nothing."""

    def new_decoder_state(self) -> object:
        """The state of a decoder that has said nothing."""

    def encode(self, samples: Samples, state: object) -> Ints:
        """Samples of shape [n * frame_size] to codes of shape [num_codebooks, n]; advances `state`."""

    def decode(self, codes: Ints, state: object) -> Samples:
        """Codes of shape [num_codebooks, n] to samples of shape [n * frame_size]; advances `state`."""


@dataclass(frozen=True, slots=True)
class CodeStep:
    """What a codec language model said about the steps it was just fed."""

    logits: Floats
    """Shape [steps, num_codebooks, cardinality]."""
    advance: Floats
    """Shape [steps]: logit that the phoneme pointer moves on at the next frame."""


class CodeLm(Protocol):
    """A codec language model with a phoneme pointer."""

    def new_state(self) -> object:
        """An empty key-value cache."""

    def copy_state(self, state: object) -> object:
        """A state that can go on independently (voices are cached, primed states)."""

    def step(self, codes: Ints, phones: Ints, age: Ints, speaker: Floats, state: object) -> CodeStep:
        """Feeds steps: codes [steps, books], phones [steps, 4], age [steps], speaker [dim]; advances `state`."""


class TokenLm(Protocol):
    """A causal language model over tokens with a key-value cache: text and codes in one vocabulary."""

    vocabulary: int
    """Numbers of tokens that it knows."""
    context: int
    """Tokens that one state can take."""

    def new_state(self) -> object:
        """A state that was fed nothing."""

    def position(self, state: object) -> int:
        """Tokens fed to a state so far."""

    def step(self, tokens: Ints, state: object) -> Floats:
        """Feeds tokens of shape [n], n at least 1; what may follow the last, shape [vocabulary]. Advances `state`."""


class SpeakerEncoder(Protocol):
    """Who speaks, from codes of the codec that the language model speaks in."""

    def speaker(self, codes: Ints) -> Floats:
        """Codes of shape [books, frames] of two to ten seconds of somebody to a vector of shape [speaker_dim]."""


class SemanticTokenizer(Protocol):
    """Sound to tokens that say what sounds, and little of who makes it (AudioLM)."""

    token_samples: int
    """Samples of one token at 16 kHz."""

    def tokens(self, samples: Samples) -> Ints:
        """Samples of shape [n], heard as a whole, to tokens of shape [n // token_samples]."""


class SemanticLm(Protocol):
    """A language model over one row of tokens."""

    def new_state(self) -> object:
        """An empty key-value cache."""

    def copy_state(self, state: object) -> object:
        """A state that can go on independently."""

    def step(self, tokens: Ints, state: object) -> Floats:
        """Feeds tokens of shape [n]; logits of shape [n, tokens]; advances `state`."""


class AcousticLm(Protocol):
    """A codec language model that is steered by semantic tokens and a voice."""

    def speaker(self, codes: Ints) -> Floats:
        """Codes of shape [books, frames] of somebody to the voice's vector."""

    def new_state(self) -> object:
        """An empty key-value cache."""

    def copy_state(self, state: object) -> object:
        """A state that can go on independently."""

    def step(self, codes: Ints, semantic: Ints, phase: Ints, speaker: Floats, state: object) -> Floats:
        """Feeds steps; advances `state`.

        Args:
            codes: of the step before, delayed, shape [steps, books].
            semantic: the tokens around each step's frame, shape [steps, window].
            phase: which of its token's frames each is, shape [steps].
            speaker: shape [dim].
            state: what `new_state` or `copy_state` made.

        Returns:
            Logits of shape [steps, books, cardinality].
        """


class GraphemeToPhoneme(Protocol):
    """Phonemes of a word that no lexicon has."""

    def phonemes(self, word: str) -> Sequence[str]:
        """A lower-case word to phoneme names."""
