"""How loud speech may be: within full scale, and from silence at its start."""

from __future__ import annotations

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples

KNEE = 0.8  # of full scale; quieter samples are left alone
FADE = SAMPLE_RATE // 200  # samples of a fade: 5 ms


def limited(samples: Samples) -> Samples:
    """Samples bent smoothly towards full scale above `KNEE`, so that a decoder's overshoot does not crackle.

    Looks at each sample by itself: the result does not depend on how samples are cut into pieces.
    """
    size = np.abs(samples)
    if not size.size or size.max() <= KNEE:
        return samples
    bent = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.where(size > KNEE, np.sign(samples) * bent, samples).astype(np.float32)


class FadeIn:
    """feed(samples) -> the same, the first `length` of the stream rising from zero; however they are cut."""

    def __init__(self, length: int = FADE) -> None:
        self._length = length
        self._at = 0

    def feed(self, samples: Samples) -> Samples:
        """Samples of shape [n]; a copy while the fade lasts."""
        if self._at >= self._length or not samples.size:
            return samples
        rising = np.arange(self._at, self._at + samples.size, dtype=np.float32) / self._length
        self._at += samples.size
        faded: Samples = samples * np.minimum(rising, np.float32(1.0))
        return faded
