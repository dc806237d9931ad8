"""PCM to packets of codes and back, by the engine's codecs. Blocks; see `Coding` for a thread to do that on.

The one module here that imports the engine, and it loads models: import it only where a codec was asked for.
"""

from __future__ import annotations

from functools import cache

from voxduct.audio import SAMPLE_RATE, AudioFormat, Samples, float_to_pcm16
from voxduct.codec.stretches import SpeechDecoder, StretchEncoder, WireCodec
from voxduct.coded import CodecFormat, CodedSound
from voxduct.dsp import Resampler
from voxduct.errors import MessageError, UnknownModelError
from voxduct.loading import EngineOptions, load_wire_codecs


@cache
def load_codec(name: str) -> WireCodec:
    """A codec of the engine's by its name on the wire; loaded once for all sessions.

    Raises:
        MessageError: there is no such codec.
        ModelError: its files are damaged, or were not pulled yet.
    """
    try:
        return load_wire_codecs(EngineOptions(wire_codecs=(name,)))[name]
    except UnknownModelError as error:
        raise MessageError(error.message, param="wire-codec") from error


class MicrophonePackets:
    """PCM of any rate to the packets of one session."""

    def __init__(self, codec: WireCodec, audio_format: AudioFormat) -> None:
        self._pcm = audio_format
        self._resampler = Resampler(audio_format.sample_rate, SAMPLE_RATE)
        self._encoder = StretchEncoder(codec)
        self.format = codec.format

    def feed(self, pcm: bytes) -> list[bytes]:
        """PCM in the declared format to the packets that it completes."""
        return self._encode(self._resampler.feed(self._pcm.decode(pcm)))

    def end_stretch(self) -> list[bytes]:
        """What was fed so far, to its end; more may follow."""
        return self._packets(self._encoder.end())

    def end(self) -> list[bytes]:
        """The last packets."""
        return self._encode(self._resampler.flush()) + self.end_stretch()

    def _encode(self, samples: Samples) -> list[bytes]:
        return self._packets(self._encoder.feed(samples))

    def _packets(self, sounds: list[CodedSound]) -> list[bytes]:
        return [self.format.encode(sound) for sound in sounds]


class SpeechPackets:
    """Coded speech of one session to PCM."""

    def __init__(self, codec: WireCodec) -> None:
        self._decoder = SpeechDecoder(codec)
        self.format: CodecFormat = codec.format

    def decode(self, sound: CodedSound) -> bytes:
        """s16le, `sound.size` samples."""
        return float_to_pcm16(self._decoder.decode(sound)).astype("<i2", copy=False).tobytes()
