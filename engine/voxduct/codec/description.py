"""What a codec is, in numbers, and the rate that follows from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodecDescription:
    """One frame is the shortest stretch in which every book has a whole number of codes."""

    family: str
    """Whose architecture it is: `dac`, `encodec`, ..."""
    sample_rate: int
    """Hertz of the sound that it takes and makes."""
    frame_size: int
    """Samples of one frame."""
    cardinality: int
    """Codes go from 0 to one less; all books have as many."""
    rates: tuple[int, ...]
    """Codes that each book has in one frame: (1, 1, 1, 1) mostly, (1, 2, 4) for SNAC."""

    @property
    def num_books(self) -> int:
        """Books, however often they are used in a frame."""
        return len(self.rates)

    @property
    def codes_per_frame(self) -> int:
        """Rows of an array of codes: each book as often as it is used in a frame."""
        return sum(self.rates)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.frame_size

    @property
    def kbps(self) -> float:
        """Thousands of bits a second, each code in as many whole bits as it needs."""
        return self.codes_per_frame * code_bits(self.cardinality) * self.frame_rate / 1000


def code_bits(cardinality: int) -> int:
    """Bits of one code."""
    return (cardinality - 1).bit_length()
