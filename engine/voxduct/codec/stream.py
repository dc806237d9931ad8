"""Chunks of any length to code frames and back: the framing that a codec's whole frames need."""

from __future__ import annotations

import numpy as np

from voxduct.audio import Samples
from voxduct.models import Codec, Ints


class CodecEncoderStream:
    """feed(samples of any count) -> codes of the whole frames they complete; flush() -> the rest, padded with silence.

    The codes do not depend on how the samples were cut. Holds less than one frame. For work that runs models, so in a
    job or a thread of one's own.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._state = codec.new_encoder_state()
        self._rest: Samples = np.zeros(0, np.float32)

    def feed(self, samples: Samples) -> Ints:
        """Samples of shape [n] to codes of shape [books, frames]; often no frames."""
        joined = np.concatenate([self._rest, samples.astype(np.float32, copy=False)])
        whole = len(joined) - len(joined) % self._codec.frame_size
        self._rest = joined[whole:]
        if not whole:
            return np.zeros((self._codec.num_codebooks, 0), np.int64)
        return self._codec.encode(joined[:whole], self._state)

    def flush(self, delay_samples: int = 0) -> Ints:
        """The last codes; `delay_samples` of silence follow so that a decoder which lags by them says everything."""
        missing = delay_samples - (len(self._rest) + delay_samples) % -self._codec.frame_size
        return self.feed(np.zeros(missing, np.float32))


class CodecDecoderStream:
    """feed(codes of any count of frames) -> samples, without the silence by which the decoder lags at the start."""

    def __init__(self, codec: Codec, delay_samples: int = 0) -> None:
        self._codec = codec
        self._state = codec.new_decoder_state()
        self._skip = delay_samples

    def feed(self, codes: Ints) -> Samples:
        """Codes of shape [books, frames] to samples of shape [n]."""
        if not codes.shape[1]:
            return np.zeros(0, np.float32)
        samples = self._codec.decode(codes, self._state)
        cut = min(self._skip, len(samples))
        self._skip -= cut
        return samples[cut:]


def encode_all(samples: Samples, codec: Codec, delay_samples: int = 0) -> Ints:
    """A whole recording to codes of shape [books, frames], with the frames that a lagging decoder needs."""
    stream = CodecEncoderStream(codec)
    return np.concatenate([stream.feed(samples), stream.flush(delay_samples)], axis=1)


def decode_all(codes: Ints, codec: Codec, delay_samples: int = 0) -> Samples:
    """What `encode_all` made to samples, at most a frame longer than the recording was."""
    return CodecDecoderStream(codec, delay_samples).feed(codes)
