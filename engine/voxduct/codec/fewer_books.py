"""A codec with residual books at a lower rate: the last books are not sent (SoundStream, Zeghidour et al., 2021, 3.3).

Each book refines what the ones before it say, so the first ones alone are the same sound, coarser.
"""

from __future__ import annotations

import numpy as np

from voxduct.audio import Samples
from voxduct.codec.description import code_bits
from voxduct.errors import AudioFormatError
from voxduct.models import Codec, Ints


class FewerBooks:
    """Implements `Codec` with the first books of another."""

    def __init__(self, codec: Codec, num_codebooks: int, neutral: Ints) -> None:
        """`neutral`: for each of the codec's books the code that says least, in place of those that are not sent.

        Raises:
            AudioFormatError: the codec has not so many books.
        """
        if not 1 <= num_codebooks <= codec.num_codebooks:
            raise AudioFormatError(f"the codec has 1 to {codec.num_codebooks} books, not {num_codebooks}")
        self._codec = codec
        self._rest = neutral[num_codebooks:, None]
        self.sample_rate, self.frame_size = codec.sample_rate, codec.frame_size
        self.num_codebooks, self.cardinality = num_codebooks, codec.cardinality

    def new_encoder_state(self) -> object:
        """The codec's."""
        return self._codec.new_encoder_state()

    def new_decoder_state(self) -> object:
        """The codec's."""
        return self._codec.new_decoder_state()

    def encode(self, samples: Samples, state: object) -> Ints:
        """As the codec does, without the last books."""
        return self._codec.encode(samples, state)[: self.num_codebooks]

    def decode(self, codes: Ints, state: object) -> Samples:
        """As the codec does, as if the last books said nothing."""
        rest = np.repeat(self._rest, codes.shape[1], axis=1)
        return self._codec.decode(np.concatenate([codes, rest]), state)


def rates_kbps(codec: Codec) -> list[float]:
    """Of one book, two ..., all of them."""
    bits = code_bits(codec.cardinality) * codec.sample_rate / codec.frame_size  # of a book in a second
    return [bits * count / 1000 for count in range(1, codec.num_codebooks + 1)]
