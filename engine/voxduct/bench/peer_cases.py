"""What the engines are given to hear: utterances of 2 to 10 s and whole windows of 30 s.

Random weights never end a text sensibly, so every clip has a fixed budget of tokens: 3.5 for each second of audio, the
rate of brisk English in Whisper's vocabulary. With real weights short clips end by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from voxduct.asr.options import AsrOptions
from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.clips import Clip, join
from voxduct.errors import AudioFormatError

TOKENS_PER_S = 3.5
SHORT_S = (2, 4, 6, 8, 10)
FULL_S = 30


class Group(StrEnum):
    """Kinds of clips whose ratios are kept apart."""

    SHORT = "short"
    FULL_WINDOW = "full_window"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One clip as all engines hear it."""

    name: str
    group: Group
    samples: Samples
    budget: int | None
    """Tokens to choose; None lets the text end by itself."""
    reference: str | None = None
    """What is said, where that is to be compared."""

    @property
    def window(self) -> int:
        """Samples of the window that an engine of any length encodes: the silence of a final pass after the clip."""
        options, per_ms = AsrOptions(), SAMPLE_RATE // 1000
        padded = max(self.samples.size + options.final_tail_ms * per_ms, options.min_window_ms * per_ms)
        return min(padded, FULL_S * SAMPLE_RATE)


def budget_of(seconds: float) -> int:
    """Tokens that so much speech has."""
    return round(TOKENS_PER_S * seconds)


def budgeted_cases(clips: Sequence[Clip], seconds: Sequence[int]) -> list[Case]:
    """Stretches of the clips, joined, of exactly so many seconds.

    Raises:
        AudioFormatError: the clips are too short for that.
    """
    tape = join(clips, pause_s=0.3, lead_s=0.0).samples
    if tape.size < max(seconds) * SAMPLE_RATE:
        raise AudioFormatError(f"the clips make {tape.size / SAMPLE_RATE:.0f} s together, {max(seconds)} s are needed")
    return [_stretch(tape, length) for length in seconds]


def _stretch(tape: Samples, seconds: int) -> Case:
    group = Group.FULL_WINDOW if seconds >= FULL_S else Group.SHORT
    return Case(f"{seconds} s", group, tape[: seconds * SAMPLE_RATE], budget_of(seconds))


def spoken_cases(clips: Sequence[Clip]) -> list[Case]:
    """Those of the clips that are utterances of up to 10 s, with what is said in them."""
    heard = [(clip, clip.samples()) for clip in clips]
    longest = max(SHORT_S) * SAMPLE_RATE
    return [
        Case(clip.path.stem, Group.SHORT, samples, None, clip.text)
        for clip, samples in heard
        if samples.size <= longest
    ]
