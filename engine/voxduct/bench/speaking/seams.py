"""Is speech that was made in pieces the speech that is made in one piece?

A text is spoken with jobs of 1, 2 ... 16 frames and with one job per sentence, with the same seed.

seam_difference  greatest difference between any of them and the speech in one piece, of full scale.
seam_db          the same at the seams alone, the last sample of each job and the first of the next, in dB of full
                 scale; never below FLOOR_DB.
gate_seams       whether the first is below LARGEST_DIFFERENCE and the second below LOUDEST_SEAM_DB.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxduct.audio import Samples
from voxduct.bench.progress import tracked
from voxduct.bench.results import Figures
from voxduct.events import SpeechAudio
from voxduct.offline import speak
from voxduct.tts.text_to_speech import TextToSpeech

JOB_FRAMES = tuple(range(1, 17))
ONE_PIECE = 1_000_000  # frames: more than a sentence ever has
LARGEST_DIFFERENCE = 1e-4
LOUDEST_SEAM_DB = -60.0
FLOOR_DB = -180.0


@dataclass(frozen=True, slots=True)
class Seams:
    """How far speech in pieces is from speech in one piece; both of full scale."""

    anywhere: float
    at_seams: float


def measure(synthesiser: TextToSpeech, text: str, voice: str | None = None) -> Figures:
    """Speaks the text with every size of job. Raises as `voxduct.offline.speak` does."""
    whole = np.concatenate(pieces(synthesiser, text, voice, ONE_PIECE))
    found = [compare(pieces(synthesiser, text, voice, size), whole) for size in tracked(JOB_FRAMES, "seams")]
    anywhere, seam_db = max(one.anywhere for one in found), decibels(max(one.at_seams for one in found))
    return {
        "seam_difference": float(f"{anywhere:.3g}"),
        "seam_db": round(seam_db, 1),
        "gate_seams": anywhere < LARGEST_DIFFERENCE and seam_db < LOUDEST_SEAM_DB,
    }


def pieces(synthesiser: TextToSpeech, text: str, voice: str | None, frames: int) -> list[Samples]:
    """The speech, job by job, with jobs of so many frames."""
    sized = copy.copy(synthesiser)  # shares models and voices
    sized.options = replace(synthesiser.options, job_frames=(frames,))
    return [event.samples for event in speak(sized, text, voice) if isinstance(event, SpeechAudio)]


def compare(made: Sequence[Samples], whole: Samples) -> Seams:
    """Pieces against the whole; speech of another length differs by everything."""
    joined = np.concatenate(made)
    if joined.size != whole.size:
        return Seams(1.0, 1.0)
    apart = np.abs(joined - whole)
    borders = np.cumsum([piece.size for piece in made])[:-1]
    at_seams = np.concatenate([apart[borders - 1], apart[borders]])
    return Seams(float(apart.max(initial=0.0)), float(at_seams.max(initial=0.0)))


def decibels(amplitude: float) -> float:
    """Of full scale."""
    return max(20.0 * math.log10(amplitude), FLOOR_DB) if amplitude > 0.0 else FLOOR_DB
