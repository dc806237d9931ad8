"""Speech that stays within full scale."""

from __future__ import annotations

import numpy as np

from voxduct.audio import Samples

KNEE = 0.8  # of full scale; quieter samples are left alone


def limited(samples: Samples) -> Samples:
    """Samples bent smoothly towards full scale above `KNEE`, so that a decoder's overshoot does not crackle.

    Looks at each sample by itself: the result does not depend on how samples are cut into pieces.
    """
    size = np.abs(samples)
    if not size.size or size.max() <= KNEE:
        return samples
    bent = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.where(size > KNEE, np.sign(samples) * bent, samples).astype(np.float32)
