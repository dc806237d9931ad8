"""Silence at the start of speech: cut off, and what comes after it faded in."""

from __future__ import annotations

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.loudness import FADE, FadeIn

BLOCK = FADE  # samples at the engine's rate: the unit of judgement, and the length of the fade
QUIET = 0.004  # peak below which a block is silence (-48 dBFS)
LONGEST_CUT = SAMPLE_RATE // 2  # samples; a voice that whispers is not cut for ever


class LeadingSilence:
    """Cuts the silence that a sentence begins with; the last silent block stays and is faded in.

    feed(samples) -> samples to play. Judges whole blocks from the start, so the result does not depend on how the
    samples are cut into pieces of whole blocks.
    """

    def __init__(self, block: int = BLOCK, longest_cut: int = LONGEST_CUT) -> None:
        """Both in samples; `block` is the unit of judgement and the length of the fade."""
        self._block = block
        self._longest_cut = longest_cut
        self._before: Samples = np.zeros(0, np.float32)
        self.cut = 0
        """Samples that were cut so far; final once `open`."""
        self.open = False
        """Sound has begun."""

    @classmethod
    def of(cls, frame_size: int, sample_rate: int) -> LeadingSilence:
        """For frames of so many samples, which are cut into whole blocks as near to `BLOCK` as can be."""
        longest = min(BLOCK * sample_rate // SAMPLE_RATE, frame_size)
        block = next(size for size in range(longest, 0, -1) if frame_size % size == 0)
        return cls(block, LONGEST_CUT * sample_rate // SAMPLE_RATE)

    def feed(self, samples: Samples) -> Samples:
        """Samples of shape [n], n a multiple of the block; returns those from the first sound on."""
        if self.open:
            return samples
        blocks = samples.reshape(-1, self._block)
        for index, block in enumerate(blocks):
            if np.abs(block).max() >= QUIET or self.cut >= self._longest_cut:
                return self._begin(blocks[index:])
            self._before = block
            self.cut += self._block
        return np.zeros(0, np.float32)

    def _begin(self, blocks: Samples) -> Samples:
        self.open = True
        self.cut -= len(self._before)
        return FadeIn(self._block).feed(np.concatenate([self._before, blocks.reshape(-1)]))
