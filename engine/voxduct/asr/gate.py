"""The hallucination gate: why the words of a window are not believed, layer by layer.

A Whisper given sound without speech tends to write something all the same. No single sign tells such text from true
words, so each layer asks one question about one kind of evidence: the window's levels, the tokens' probabilities,
their number, their repeating, where attention lay while they were written, and last, phrases that Whispers are known
to invent. Layers are pure; the recogniser asks them in the order of `Doubt` and the session counts the answers. Before
them the VAD and its energy gate have let only what sounds like speech come this far (`voxduct.vad`).

Log-probability, no-speech and compression: Radford et al. (2022), section 4.5. docs/hallucination-gate.md has the
measurements behind the thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from voxduct.asr.decode.greedy import Decoded, StopReason, compression_ratio
from voxduct.asr.options import DecodingOptions
from voxduct.asr.phrases import is_invented_phrase
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.models import Floats

JUMP_BACK_S = 0.2  # attention that goes back by more than this has lost its place
FEW_TOKENS = 4  # of fewer than that, attention tells nothing about stuck or jumping
SPEECH_MARGIN_S = 0.1  # a word is attended to a little before and after it can be heard
Bools: TypeAlias = npt.NDArray[np.bool_]


class Doubt(StrEnum):
    """Why a window's new words were not believed; in the order in which the layers are asked."""

    SILENT = "silent"  # nothing in it is loud enough to be speech
    THIN = "thin"  # too little of it can be heard at all
    UNLIKELY = "unlikely"  # low log-probability and a high no-speech probability, or mere guesses
    SPARSE = "sparse"  # fewer tokens than anyone would say in so much sound
    RATE = "rate"  # more tokens than anyone can say in that time; kept up to the limit
    REPETITIVE = "repetitive"  # compresses too well to be speech
    LOOP = "loop"  # the same phrase again and again; all but the first was cut off
    ATTENTION = "attention"  # written without listening: attention in silence, stuck, jumping back, or everywhere
    PHRASE = "phrase"  # all of it is a phrase that Whispers invent, and something else is odd too


CUTS = frozenset({Doubt.RATE, Doubt.LOOP})
"""Doubts for which the decoder has cut the text already; what is left may be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """From where on a layer objects. A model may say its own (see docs/hallucination-gate.md)."""

    audible_db: float = 30.0
    """Frames this much quieter than the window's loudest one are not heard."""
    min_audible_ms: int = 60
    """A window in which less can be heard holds no word."""
    least_logprob: float = -1.3
    """Mean log-probability of the new tokens below which they are guesses, whatever else speaks for them."""
    opening_logprob: float = -1.3
    """The same in a window without committed words: what is first heard should be certain. Depends on the model."""
    doubtful_logprob: float = -0.5
    """Below this a second sign is enough."""
    min_tokens_per_s: float = 1.0
    """Tokens per second of audible sound; whoever speaks says more. Asked from `sparse_from_s` of sound on."""
    sparse_from_s: float = 1.5
    sparse_logprob: float = -0.2
    """Few tokens are believed from this log-probability on: one long call."""
    max_silent_attention: float = 0.3
    """Share of the new tokens' attention that may lie where nothing can be heard."""
    max_stuck: float = 0.9
    """Share of the steps from token to token at which attention may stay on its frame, in a doubtful text."""
    max_jumps: float = 0.2
    """Share of the steps at which it may jump back, in a doubtful text."""
    min_focus: float = 0.0
    """Mean over the window's tokens of attention's greatest weight, below which it is everywhere. Up to the model."""
    doubtful_focus: float = 0.0
    """The same, in a doubtful text."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that the layers know about one window."""

    decoded: Decoded
    first: int
    """How many of its tokens are not new."""
    text: str
    """The new tokens' text."""
    language: str
    audible: Bools
    """Which frames of the window can be heard, shape [frames]."""
    frame_s: float
    """Seconds of one of these frames, and of one of attention's."""
    decoding: DecodingOptions
    gate: GateOptions

    @property
    def logprob(self) -> float:
        """Mean of the new tokens' log-probabilities."""
        return self.decoded.mean_logprob(self.first)

    @property
    def doubtful(self) -> bool:
        """Whether the new tokens are so improbable that a second sign is enough."""
        return self.logprob < self.gate.doubtful_logprob

    @property
    def audible_s(self) -> float:
        """Seconds that can be heard."""
        return float(self.audible.sum()) * self.frame_s

    @property
    def attention(self) -> Floats | None:
        """Of the window's tokens, mean over heads, each row summing to one; shape [tokens, frames] or None."""
        if self.decoded.attention is None:
            return None
        rows: Floats = self.decoded.attention.mean(axis=0)[: len(self.decoded.tokens)]
        shares: Floats = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9)
        return shares


Layer: TypeAlias = Callable[[Evidence], bool]


def audible_frames(samples: Samples, frame_samples: int, gate: GateOptions, min_level_db: float) -> Bools:
    """Which frames of samples of shape [n] can be heard, shape [n // frame_samples]."""
    count = samples.size // frame_samples
    frames = samples[: count * frame_samples].reshape(count, frame_samples)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    least = max(float(power.max(initial=0.0)) / 10.0 ** (gate.audible_db / 10.0), 10.0 ** (min_level_db / 10.0))
    audible: Bools = power >= least
    return audible


def is_thin(audible: Bools, frame_s: float, gate: GateOptions) -> bool:
    """Too little sound for the shortest word: a click, a bump. Asked before anything is computed."""
    return float(audible.sum()) * frame_s < gate.min_audible_ms / 1000


def judge(evidence: Evidence) -> Doubt | None:
    """The first layer that wants the text dropped, else the first for which it was cut, else None."""
    doubts = [doubt for doubt, objects in LAYERS if objects(evidence)]
    dropping = [doubt for doubt in doubts if doubt not in CUTS]
    return next(iter(dropping or doubts), None)


def is_unlikely(evidence: Evidence) -> bool:
    """Improbable, and probably no speech; or so improbable that it was guessed."""
    logprob, limits = evidence.logprob, evidence.decoding
    no_speech = logprob < limits.min_logprob and evidence.decoded.no_speech > limits.max_no_speech
    return no_speech or logprob < (evidence.gate.least_logprob if evidence.first else evidence.gate.opening_logprob)


def is_sparse(evidence: Evidence) -> bool:
    """Much sound, few words, and no certain ones."""
    gate, tokens = evidence.gate, len(evidence.decoded.tokens)
    if tokens == evidence.first or evidence.audible_s < gate.sparse_from_s:
        return False
    return tokens < gate.min_tokens_per_s * evidence.audible_s and evidence.logprob < gate.sparse_logprob


def is_too_fast(evidence: Evidence) -> bool:
    """The decoder stopped at the most tokens that can be said in the window's time."""
    return evidence.decoded.reason is StopReason.RATE


def is_repetitive(evidence: Evidence) -> bool:
    """The text deflates too well."""
    return compression_ratio(evidence.text) > evidence.decoding.max_compression


def is_loop(evidence: Evidence) -> bool:
    """The decoder stopped at a phrase that came again and again."""
    return evidence.decoded.reason is StopReason.LOOP


def is_inattentive(evidence: Evidence) -> bool:
    """Attention lay in silence or everywhere; or, in a doubtful text, it was stuck, jumped back or wandered."""
    attention, gate = evidence.attention, evidence.gate
    if attention is None or len(attention) <= evidence.first or not attention.shape[1]:
        return False
    focus = float(attention.max(axis=1).mean())  # of the committed words too: one new word alone varies much
    if focus < (gate.doubtful_focus if evidence.doubtful else gate.min_focus):
        return True
    new = attention[evidence.first :]
    if silent_share(new, evidence.audible, evidence.frame_s) > gate.max_silent_attention:
        return True
    if not evidence.doubtful or len(new) < FEW_TOKENS:
        return False
    steps = np.diff(new.argmax(axis=1))
    stuck = float(np.mean(np.abs(steps) <= 1))
    jumps = float(np.mean(steps < -JUMP_BACK_S / evidence.frame_s))
    return stuck > gate.max_stuck or jumps > gate.max_jumps


def silent_share(attention: Floats, audible: Bools, frame_s: float) -> float:
    """Share of attention of shape [tokens, frames] that lies where nothing can be heard, or after the window."""
    reach = round(SPEECH_MARGIN_S / frame_s)
    near = np.convolve(audible, np.ones(2 * reach + 1), "same") > 0.5 if audible.size > 2 * reach else audible
    heard = np.zeros(attention.shape[1], bool)
    heard[: near.size] = near[: heard.size]
    heard[near.size : near.size + reach] |= bool(near.size and near[-1])
    return float(attention[:, ~heard].sum(axis=1).mean())


def is_known_phrase(evidence: Evidence) -> bool:
    """The window is one invented phrase and nothing else, and it is doubtful, sparse, or perhaps no speech."""
    if evidence.first or not is_invented_phrase(evidence.text, evidence.language):
        return False
    sparse = len(evidence.decoded.tokens) < 2 * evidence.gate.min_tokens_per_s * evidence.audible_s
    return evidence.doubtful or sparse or evidence.decoded.no_speech > evidence.decoding.max_no_speech / 2


LAYERS: tuple[tuple[Doubt, Layer], ...] = (
    (Doubt.UNLIKELY, is_unlikely),
    (Doubt.SPARSE, is_sparse),
    (Doubt.RATE, is_too_fast),
    (Doubt.REPETITIVE, is_repetitive),
    (Doubt.LOOP, is_loop),
    (Doubt.ATTENTION, is_inattentive),
    (Doubt.PHRASE, is_known_phrase),
)
"""The layers that ask about what was decoded; `SILENT` and `THIN` are asked before."""


def frame_seconds(frame_samples: int) -> float:
    """Seconds of a frame of so many samples."""
    return frame_samples / SAMPLE_RATE
