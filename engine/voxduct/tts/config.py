"""What a trained voice says about itself: its phones, their durations, its delay pattern, how to sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voxduct.tts.pointer import PhoneDuration
from voxduct.tts.sampling import SamplingOptions

SENTENCE_END = "."  # the pause that ends a sentence, where the voice has learnt one
PAUSE = "pau"


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Read from `config.json` by the adapter; see `voxduct.onnx.code_lm`."""

    phones: Mapping[str, int]
    """Name to id; id 0 is padding."""
    durations: Mapping[int, PhoneDuration]
    """Of every id."""
    unknown_id: int
    """Stands for phones that the voice never learnt."""
    none_code: int = 1024
    """The code that is not there yet."""
    delays: tuple[int, ...] = (0, 1, 2, 3)
    """Steps by which each book lags (the delay pattern of MusicGen, Copet et al., 2023)."""
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    temperatures: tuple[float, ...] = ()
    """One per book; empty: `sampling.temperature` for all."""
    advance_threshold: float = 0.5
    """The phone pointer moves on once staying is less likely than this: 0.5 is the median of the learnt durations."""
    advance_spread: float = 0.0
    """How far each phone's own threshold may lie from that one; 0 speaks evenly. See `draw_thresholds`."""
    default_voice: str = ""

    def ids(self, phones: Sequence[str], *, ends: bool = True) -> list[int]:
        """Phone names to ids; the last pause becomes the sentence's end, where they end one."""
        ids = [self.phones.get(phone, self.unknown_id) for phone in phones]
        if ends and phones and phones[-1] == PAUSE and SENTENCE_END in self.phones:
            ids[-1] = self.phones[SENTENCE_END]
        return ids
