"""Which sample rate to declare for a source, and how to get there when no server takes the source's own."""

from __future__ import annotations

import numpy as np
import soxr

from voxduct.audio import MAX_INPUT_RATE, MIN_INPUT_RATE, SAMPLE_RATE, Samples


class Rate:
    """A source's rate. Servers resample 8 to 48 kHz themselves; anything else is resampled here. Stateful."""

    def __init__(self, native: int) -> None:
        self.native = native
        inside = MIN_INPUT_RATE <= native <= MAX_INPUT_RATE
        self.sent = native if inside else SAMPLE_RATE
        """Hertz to declare in `start`."""
        self._stream = None if inside else soxr.ResampleStream(native, SAMPLE_RATE, 1, dtype="float32")

    def convert(self, samples: Samples) -> Samples:
        """The next samples at the rate to send; some may come with a later call."""
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def flush(self) -> Samples:
        """What the resampler still holds; nothing may follow."""
        nothing = np.empty(0, dtype=np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)
