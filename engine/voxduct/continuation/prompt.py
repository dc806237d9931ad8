"""What of a recording is continued: its end, at an even level, with its longest pauses shortened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.errors import AudioFormatError

LONGEST = 10 * SAMPLE_RATE  # samples
SHORTEST = SAMPLE_RATE // 5
PIECE = SAMPLE_RATE // 100  # samples judged at once
QUIET = 0.001  # peak below which a piece is silence (-60 dBFS)
LONGEST_PAUSE = SAMPLE_RATE  # within a prompt
LAST_PAUSE = SAMPLE_RATE * 3 // 10  # after its last sound
PEAK = 0.6  # what the model was trained at
MAX_GAIN = 60.0  # a whisper this far below full scale is still lifted


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """The end of a recording, ready to be heard."""

    samples: Samples
    """At 16 kHz, peak `PEAK`, at least `SHORTEST` and at most `LONGEST`."""
    gain: float
    """By which the recording was multiplied."""


class PromptTail:
    """feed(samples at 16 kHz) as a recording is read; take() -> the prompt. Holds `LONGEST` samples, however long.

    Pauses longer than `LONGEST_PAUSE` are shortened to it: a model that has just heard seconds of silence would go on
    with it. What comes out does not depend on how the samples are cut into pieces.
    """

    def __init__(self) -> None:
        self._kept: Samples = np.zeros(0, np.float32)
        self._rest: Samples = np.zeros(0, np.float32)
        self._pause = 0
        self._heard = 0

    def feed(self, samples: Samples) -> None:
        """Takes samples of shape [n]. Raises AudioFormatError where some are not finite."""
        if not np.isfinite(samples).all():
            raise AudioFormatError(
                "the prompt holds NaN or infinite samples; record or convert it anew", param="prompt"
            )
        self._heard += len(samples)
        joined = np.concatenate([self._rest, samples])
        whole = len(joined) // PIECE * PIECE
        self._rest = joined[whole:]
        self._keep(joined[:whole].reshape(-1, PIECE))

    def take(self) -> Prompt:
        """The prompt; nothing may be fed afterwards.

        Raises:
            AudioFormatError: the recording is shorter than 0.2 s, or silent.
        """
        if self._heard < SHORTEST:
            given = self._heard / SAMPLE_RATE
            raise AudioFormatError(
                f"the prompt is {given:.2f} s long; give at least {SHORTEST / SAMPLE_RATE} s, better 3 s",
                param="prompt",
            )
        kept = np.concatenate([self._kept, self._rest])
        surplus = max(0, self._pause - LAST_PAUSE)
        kept = kept[: len(kept) - surplus][-LONGEST:]
        peak = float(np.abs(kept).max(initial=0.0))
        if peak < QUIET or len(kept) < SHORTEST:
            raise AudioFormatError("the prompt is silent; give a recording in which something sounds", param="prompt")
        gain = min(PEAK / peak, MAX_GAIN)
        return Prompt((kept * np.float32(gain)).astype(np.float32), gain)

    def _keep(self, pieces: Samples) -> None:
        wanted = np.ones(len(pieces), bool)
        for number, quiet in enumerate(np.abs(pieces).max(axis=1, initial=0.0) < QUIET):
            wanted[number] = not quiet or self._pause < LONGEST_PAUSE
            self._pause = 0 if not quiet else min(self._pause + PIECE, LONGEST_PAUSE)
        # A little more than is used, so that the pause at the end may still be cut off.
        self._kept = np.concatenate([self._kept, pieces[wanted].reshape(-1)])[-(LONGEST + LONGEST_PAUSE) :]
