"""Signal processing: resampling to the engine's rate and from it, and Whisper's log-mel features.

Both give the same numbers for every way of cutting the audio into chunks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from voxduct.audio import SAMPLE_RATE, Samples

N_FFT = 400  # samples of one analysis window: 25 ms
HOP = 160  # samples between windows: 10 ms
MEL_FLOOR = 1e-10  # power below this is silence
DYNAMIC_RANGE = 8.0  # decades below the loudest value that are kept
SLANEY_BREAK_HZ = 1_000.0  # the mel scale is linear below, logarithmic above
SLANEY_BREAK_MEL = 15.0
SLANEY_LOG_STEP = np.log(6.4) / 27.0

Features = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Resampler:
    """Turns a stream of any rate into 16 kHz, or another, with soxr's high quality; the identity when it already is.

    The filter looks ahead, so `feed` returns somewhat less than its share until `flush`.
    """

    def __init__(self, sample_rate: int, wanted: int = SAMPLE_RATE) -> None:
        self._stream = None if sample_rate == wanted else soxr.ResampleStream(sample_rate, wanted, 1, dtype="float32")

    def feed(self, samples: Samples) -> Samples:
        """Samples of shape [n] at the input rate to samples of shape [m] at the wanted one."""
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(samples)
        return resampled

    def flush(self) -> Samples:
        """The rest of the stream at the wanted rate, shape [m]; what is fed next starts a new stream."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream.clear()
        return rest


def hertz_to_mel(hertz: Doubles) -> Doubles:
    """Slaney's mel scale (Auditory Toolbox, 1998), elementwise."""
    linear = hertz * SLANEY_BREAK_MEL / SLANEY_BREAK_HZ
    logarithmic = SLANEY_BREAK_MEL + np.log(np.maximum(hertz, 1.0) / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP
    return np.where(hertz < SLANEY_BREAK_HZ, linear, logarithmic)


def mel_to_hertz(mel: Doubles) -> Doubles:
    """The inverse of `hertz_to_mel`."""
    linear = mel * SLANEY_BREAK_HZ / SLANEY_BREAK_MEL
    logarithmic = SLANEY_BREAK_HZ * np.exp((mel - SLANEY_BREAK_MEL) * SLANEY_LOG_STEP)
    return np.where(mel < SLANEY_BREAK_MEL, linear, logarithmic)


def mel_filters(num_mels: int) -> Doubles:
    """Triangular filters of unit area from 0 to 8,000 Hz; shape [N_FFT // 2 + 1, num_mels]."""
    top = SAMPLE_RATE / 2
    bins = np.linspace(0.0, top, N_FFT // 2 + 1)
    edges = mel_to_hertz(np.linspace(0.0, float(hertz_to_mel(np.array(top))), num_mels + 2))
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    areas: Doubles = triangles * (2.0 / (edges[2:] - edges[:-2]))
    return areas


class LogMel:
    """Log-mel features with the numerics of transformers' WhisperFeatureExtractor, without padding to 30 s.

    The features of a window depend on its loudest value (everything more than eight decades below it is cut off), so
    a window is computed as a whole. In a stream the loudest value so far takes its place: `follow`.
    """

    def __init__(self, num_mels: int) -> None:
        self.num_mels = num_mels
        self._window = np.hanning(N_FFT + 1)[:-1]
        self._filters = mel_filters(num_mels)

    def compute(self, samples: Samples) -> Features:
        """Samples of shape [n] at 16 kHz to features of shape [num_mels, n // 160]."""
        if samples.size < HOP:
            return np.zeros((self.num_mels, 0), np.float32)
        decades = self._decades(np.pad(samples, N_FFT // 2, mode="reflect"))[:, : samples.size // HOP]
        return _scaled(decades, decades.max())

    def follow(self, samples: Samples, loudest: float) -> tuple[Features, Doubles]:
        """Features of a stretch of a stream, each cut off below the loudest value up to its own frame.

        Args:
            samples: `N_FFT // 2` of them on each side of the frames' middles, shape [N_FFT + (frames - 1) * HOP].
            loudest: the loudest value before, in decades; -inf at the start.

        Returns:
            Features of shape [num_mels, frames], and the loudest value up to each frame, shape [frames].
        """
        decades = self._decades(samples)
        so_far: Doubles = np.maximum.accumulate(np.maximum(decades.max(axis=0), loudest))
        return _scaled(decades, so_far), so_far

    def _decades(self, padded: Samples) -> Doubles:
        frames = np.lib.stride_tricks.sliding_window_view(padded.astype(np.float64), N_FFT)[::HOP]
        spectrum = np.fft.rfft(frames * self._window)
        power = spectrum.real**2 + spectrum.imag**2
        decades: Doubles = np.log10(np.maximum(power @ self._filters, MEL_FLOOR)).T
        return decades


def _scaled(decades: Doubles, loudest: Doubles) -> Features:
    kept = np.maximum(decades, loudest - DYNAMIC_RANGE)
    return np.ascontiguousarray((kept + 4.0) / 4.0, dtype=np.float32)
