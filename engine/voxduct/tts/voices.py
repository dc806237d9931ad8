"""Voices: a speaker vector and a spoken prompt, and the model's state after hearing that prompt.

The state is computed once per voice when the engine starts, so at request time a prompt costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from voxduct.models import CodeLm, Floats, Ints
from voxduct.tts.config import VoiceConfig
from voxduct.tts.pointer import prompt_windows
from voxduct.tts.shaping.timbre import Timbre


class NamedVoice(Protocol):
    """A voice that a request can speak with; only what it belongs to knows more of it."""

    @property
    def name(self) -> str:
        """As it is asked for."""


@dataclass(frozen=True, slots=True)
class LearntVoice:
    """A voice of a model that needs no more than its name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A voice as it is stored."""

    name: str
    speaker: Floats
    """Shape [speaker_dim]."""
    prompt_codes: Ints
    """Shape [books, frames]: what the voice said before."""
    prompt_phones: Ints
    """Shape [frames]: the phone id of every frame; `unknown_phone` where nobody knows."""


@dataclass(frozen=True, slots=True, eq=False)
class PrimedVoice:
    """A voice and the model's state after its prompt; the state is copied for every sentence, never advanced."""

    voice: Voice
    state: object
    timbre: Timbre | None = None
    """What its speech is shifted by; only where it came from a clip."""

    @property
    def name(self) -> str:
        """The voice's."""
        return self.voice.name

    @property
    def frames(self) -> int:
        """Frames of the prompt."""
        return int(self.voice.prompt_codes.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class MixedVoice:
    """Voices that speak together, sounding in between."""

    name: str
    voices: tuple[PrimedVoice, ...]
    weights: tuple[float, ...]
    """Positive, of sum 1."""


def prime(voice: Voice, lm: CodeLm, config: VoiceConfig) -> PrimedVoice:
    """Runs the prompt through the model: one call, tens of milliseconds."""
    state = lm.new_state()
    frames = voice.prompt_codes.shape[1]
    if frames:
        history = np.stack([delayed_history(voice.prompt_codes, step, config) for step in range(frames)])
        windows, ages = prompt_windows(voice.prompt_phones, config.unknown_id)
        lm.step(history, windows, ages, voice.speaker, state)
    return PrimedVoice(voice, state)


def delayed_history(codes: Ints, step: int, config: VoiceConfig) -> Ints:
    """What the model is fed at `step`: book k of frame `step - 1 - delay k`, shape [books]; `codes` [books, frames]."""
    found = np.full(len(config.delays), config.none_code, np.int64)
    for book, delay in enumerate(config.delays):
        frame = step - 1 - delay
        if 0 <= frame < codes.shape[1]:
            found[book] = codes[book, frame]
    return found
