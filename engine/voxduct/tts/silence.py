"""Silence at the start of speech: cut off, and what comes after it faded in."""

from __future__ import annotations

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples

BLOCK = SAMPLE_RATE // 200  # 5 ms: the unit of judgement, and the length of the fade
QUIET = 0.004  # peak below which a block is silence (-48 dBFS)
LONGEST_CUT = SAMPLE_RATE // 2  # samples; a voice that whispers is not cut for ever


class LeadingSilence:
    """Cuts the silence that a sentence begins with; the last silent block stays and is faded in.

    feed(samples) -> samples to play. Judges whole blocks from the start, so the result does not depend on how the
    samples are cut into pieces of whole blocks.
    """

    def __init__(self) -> None:
        self._before: Samples = np.zeros(0, np.float32)
        self._cut = 0
        self._open = False

    @property
    def cut(self) -> int:
        """Samples that were left out before the first one returned."""
        return max(self._cut - BLOCK, 0)

    def feed(self, samples: Samples) -> Samples:
        """Samples of shape [n], n a multiple of `BLOCK`; returns those from the first sound on."""
        if self._open:
            return samples
        blocks = samples.reshape(-1, BLOCK)
        for index, block in enumerate(blocks):
            if np.abs(block).max() >= QUIET or self._cut >= LONGEST_CUT:
                return self._begin(blocks[index:])
            self._before = block
            self._cut += BLOCK
        return np.zeros(0, np.float32)

    def _begin(self, blocks: Samples) -> Samples:
        self._open = True
        found = np.concatenate([self._before, blocks.reshape(-1)])
        found[:BLOCK] *= np.arange(BLOCK, dtype=np.float32) / BLOCK
        return found
