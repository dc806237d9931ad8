"""What an inhalation sounds like, as codes of a codec whose code vectors are parameters of sound.

Air drawn in through an open mouth is noise, shaped by a vocal tract at rest: broad formants between 0.5 and 4 kHz, less
and less below and above, as in [h]. It swells, and ends sooner than it began. Nothing is recorded: each breath's
length, level and formants are drawn anew.
"""

from __future__ import annotations

import numpy as np

from voxduct.dsp import Doubles
from voxduct.models import Codec, Floats, Ints
from voxduct.tts.code_vectors import CodeVectors
from voxduct.tts.sampling import Rng
from voxduct.tts.shaping.mel_spectrum import MelSpectrum
from voxduct.tts.sound_parameters import MelCepstra, SoundParameters

SHORTEST_S, LONGEST_S = 0.28, 0.4
UNDER_SPEECH_DB = 24.5  # at its loudest, below what the voice's vectors say of its speech; decoded it is 28 to 32
LEVEL_SPREAD_DB = 1.0  # of a breath, to either side
VOICING_STRETCH = 4.5  # by how much more an error in voicing counts than one of a cepstrum
FLUTTER_DB = 0.7  # standard deviation from part to part
LATE = 1.3  # an exponent of time: where above 1, a breath is loudest in its second half
SPEECH_RANGE_DB = 25.0  # below the loudest part: what counts as speech
FORMANTS = ((800.0, 250.0, 4.0), (1_600.0, 350.0, 6.0), (2_800.0, 500.0, 4.0))  # hertz, width in hertz, decibels
FORMANT_SPREAD = 0.06  # share by which a breath's formants are all higher or lower, at most
LOW_HZ, LOW_DB_PER_OCTAVE = 600.0, 12.0  # below, it rises so
HIGH_HZ, HIGH_DB_PER_OCTAVE = 2_500.0, 9.0  # above, it falls so


class Inhaler:
    """Makes inhalations of any voice; shared by all requests."""

    def __init__(self, vectors: CodeVectors, says: SoundParameters, cepstra: MelCepstra, codec: Codec) -> None:
        """What the codec's `vectors` say."""
        self._vectors = vectors
        self._says = says
        self._cepstra = cepstra
        self._factors = self._stretches()
        self._stretched = vectors.stretched(self._factors)
        self._mel = MelSpectrum(cepstra, codec.sample_rate)
        self._frame_s = codec.frame_size / codec.sample_rate

    @classmethod
    def of(cls, vectors: CodeVectors | None, codec: Codec) -> Inhaler | None:
        """None where nobody knows what a spectrum is in the codec's vectors."""
        if vectors is None or vectors.parameters is None or vectors.parameters.cepstra is None:
            return None
        return cls(vectors, vectors.parameters, vectors.parameters.cepstra, codec)

    def codes(self, speech: Ints, rng: Rng) -> Ints:
        """A breath.

        Args:
            speech: codes of shape [books, n] that the voice has said, which tell how loud it speaks.
            rng: decides what one breath has of its own.

        Returns:
            Codes of shape [books, frames]; no frames where there is no speech.
        """
        if not speech.shape[1]:
            return speech
        spoken = np.stack([self._vectors.vector(codes) for codes in speech.T]).astype(np.float64)
        frames = round(rng.uniform(SHORTEST_S, LONGEST_S) / self._frame_s)
        power = self._speech_power(spoken) * 10.0 ** (self._levels(frames, rng) / 10.0)
        cepstra = self._mel.cepstra(power[..., None] * self._shape(rng))
        return np.stack([self._stretched.nearest(self._vector(each)) for each in cepstra], axis=1)

    def _stretches(self) -> Floats:
        """Of each entry, shape [width]: noise has no pitch, and what is voiced in it would be heard as a hum."""
        factors = np.ones(self._vectors.width, np.float32)
        factors[list(self._says.pitch)] = 0.0
        factors[list(self._cepstra.voicing)] = VOICING_STRETCH
        return factors

    def _speech_power(self, spoken: Doubles) -> float:
        """Mean power while the voice speaks, of vectors of shape [n, width]."""
        parts = [spoken[:, start : start + self._cepstra.count] for start in self._says.loudness]
        power = self._mel.total(self._mel.bands(np.concatenate(parts)))
        return float(power[power > power.max() * 10.0 ** (-SPEECH_RANGE_DB / 10.0)].mean())

    def _levels(self, frames: int, rng: Rng) -> Doubles:
        """Decibels above speech of every part of every frame, shape [frames, parts]."""
        parts = len(self._says.loudness)
        time = (np.arange(frames * parts) + 0.5) / (frames * parts)
        level = rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB) - UNDER_SPEECH_DB
        swell = 20.0 * np.log10(np.sin(np.pi * time**LATE))
        levels: Doubles = level + swell + rng.normal(0.0, FLUTTER_DB, time.size)
        return levels.reshape(frames, parts)

    def _shape(self, rng: Rng) -> Doubles:
        """Power in mel bands, shape [bands], of a breath of power 1."""
        hertz = self._mel.centres
        shift = 1.0 + rng.uniform(-FORMANT_SPREAD, FORMANT_SPREAD)
        level = LOW_DB_PER_OCTAVE * np.minimum(np.log2(hertz / LOW_HZ), 0.0)
        level -= HIGH_DB_PER_OCTAVE * np.maximum(np.log2(hertz / HIGH_HZ), 0.0)
        for centre, width, height in FORMANTS:
            level += height * np.exp(-0.5 * np.square((hertz / shift - centre) / width))
        power = 10.0 ** (level / 10.0)
        shape: Doubles = power / self._mel.total(power)
        return shape

    def _vector(self, cepstra: Doubles) -> Floats:
        """Cepstra of a frame's parts, shape [parts, count], to its vector, stretched."""
        vector = np.zeros(self._vectors.width, np.float32)
        for start, part in zip(self._says.loudness, cepstra, strict=True):
            vector[start : start + self._cepstra.count] = part
        vector[list(self._cepstra.voicing)] = self._cepstra.unvoiced
        stretched: Floats = vector * self._factors
        return stretched
