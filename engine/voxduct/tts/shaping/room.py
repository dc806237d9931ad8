"""Speech as in a small, well-damped room instead of in none: a causal filter with its state in the open.

What a loudspeaker and a listener a metre apart hear of such a room: single reflections within the first 30 ms, by the
image method (Allen and Berkley, 1979), then a tail of noise that decays exponentially (Moorer, 1979), high frequencies
sooner than low ones. Blocks are convolved by FFT and overlap-added (Stockham, 1966), each whole as it comes, so nothing
is late.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from voxduct.audio import Samples
from voxduct.dsp import Doubles
from voxduct.loudness import limited

SOUND_M_PER_S = 343.0
ROOM_M = (3.6, 3.1, 2.5)
SPEAKER_M, LISTENER_M = (1.3, 1.2, 1.3), (2.2, 1.6, 1.2)
WALL = 0.6  # of the amplitude comes back from a wall
IMAGE_ROOMS = range(-1, 2)  # in each direction
FIRST_S, EARLY_S = 0.004, 0.03  # single reflections arrive within these, after the direct sound
DULL = (0.65, 0.25, 0.1)  # taps: a reflection lacks high frequencies
TAIL_FROM_S, TAIL_S = 0.012, 0.26  # the tail fades in until `EARLY_S`
# From so many hertz on: seconds until 60 dB are lost. Lower ones would make some notes of a voice louder than others.
DECAYS = ((250.0, 0.26), (500.0, 0.24), (2_000.0, 0.18))
TAIL_TO_EARLY = 1.5  # energy
REFLECTED_TO_DIRECT = 0.4  # energy, where the room is 1
TAIL_SEED = 1
SPEECH_LOW_HZ, SPEECH_CORNER_HZ = 100.0, 500.0  # speech has most power between; then it falls by 9 dB an octave


class Room:
    """feed(samples) -> as many samples, as heard in the room; flush() -> what still sounds when all is said.

    The same to rounding, however the samples are cut. As loud as without the room (over speech's spectrum), and never
    over full scale. It is for samples alone: who gets codes gets speech as it was drawn.
    """

    def __init__(self, amount: float, sample_rate: int) -> None:
        """`amount`: share of the reflections, above 0 to 1; `sample_rate` in hertz."""
        self._response = response(amount, sample_rate)
        self._spectra: dict[int, np.ndarray] = {}  # of the response, by transform size
        self._ringing: Doubles = np.zeros(0)

    def feed(self, samples: Samples) -> Samples:
        """Samples of shape [n], one piece after the other."""
        if not samples.size:
            return samples
        whole = self._convolved(samples)
        whole[: self._ringing.size] += self._ringing
        self._ringing = whole[samples.size :]
        return limited(whole[: samples.size].astype(np.float32))

    def flush(self) -> Samples:
        """The tail, about a quarter of a second; empty where nothing was fed. Afterwards the room is silent."""
        ringing, self._ringing = self._ringing, np.zeros(0)
        return limited(ringing.astype(np.float32))

    def _convolved(self, samples: Samples) -> Doubles:
        """Shape [n + response - 1]."""
        length = samples.size + self._response.size - 1
        size = 1 << (length - 1).bit_length()
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft(self._response, size)
        found: Doubles = np.fft.irfft(np.fft.rfft(samples.astype(np.float64), size) * self._spectra[size], size)
        return found[:length]


@cache
def response(amount: float, sample_rate: int) -> Doubles:
    """The room's impulse response, shape [n]: the direct sound first, and a gain of 1 over speech's spectrum."""
    early, tail = _early(sample_rate), _tail(sample_rate)
    reflected = early + tail * np.sqrt(TAIL_TO_EARLY * np.square(early).sum() / np.square(tail).sum())
    found: Doubles = amount * reflected * np.sqrt(REFLECTED_TO_DIRECT / np.square(reflected).sum())
    found[0] += 1.0
    found /= _speech_gain(found, sample_rate)
    found.flags.writeable = False
    return found


def _early(sample_rate: int) -> Doubles:
    """Single reflections: the speaker's images behind the walls, as far as they are heard within `EARLY_S`."""
    taps = np.zeros(round(TAIL_S * sample_rate))
    direct = np.linalg.norm(np.subtract(SPEAKER_M, LISTENER_M))
    for rooms, mirrored in product(product(IMAGE_ROOMS, repeat=3), product((0, 1), repeat=3)):
        image = 2.0 * np.multiply(rooms, ROOM_M) + np.multiply(1 - 2 * np.array(mirrored), SPEAKER_M)
        distance = float(np.linalg.norm(image - LISTENER_M))
        late_s = (distance - direct) / SOUND_M_PER_S
        walls = sum(abs(n - m) + abs(n) for n, m in zip(rooms, mirrored, strict=True))
        if FIRST_S <= late_s < EARLY_S:
            taps[round(late_s * sample_rate)] += WALL**walls * direct / distance
    return np.convolve(taps, DULL)[: taps.size]


def _tail(sample_rate: int) -> Doubles:
    """Noise in bands that decay each at its own pace; the same in every room of this rate."""
    size = round(TAIL_S * sample_rate)
    time = np.arange(size) / sample_rate
    spectrum = np.fft.rfft(np.random.Generator(np.random.PCG64(TAIL_SEED)).standard_normal(size))
    hertz = np.fft.rfftfreq(size, 1.0 / sample_rate)
    tail = np.zeros(size)
    for (low, decay_s), high in zip(DECAYS, (*(low for low, _ in DECAYS[1:]), np.inf), strict=True):
        band = np.where((hertz >= low) & (hertz < high), spectrum, 0.0)
        tail += np.fft.irfft(band, size) * 10.0 ** (-3.0 * time / decay_s)
    return tail * np.clip((time - TAIL_FROM_S) / (EARLY_S - TAIL_FROM_S), 0.0, 1.0)


def _speech_gain(found: Doubles, sample_rate: int) -> float:
    """By which the response would change the level of speech: its gains' mean over speech's usual spectrum."""
    hertz = np.fft.rfftfreq(4 * found.size, 1.0 / sample_rate)
    weight = (hertz >= SPEECH_LOW_HZ) / (1.0 + (hertz / SPEECH_CORNER_HZ) ** 3)
    gain = np.square(np.abs(np.fft.rfft(found, 4 * found.size)))
    return float(np.sqrt((gain * weight).sum() / weight.sum()))
