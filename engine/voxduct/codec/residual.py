"""Residual vector quantization in numpy, frame by frame: each stage codes what the stages before it left over.

Of stage k the nearest entry is the one with the least |entry|² - 2 entry · rest, and the rest is the frame less the
entries that were chosen. So the products of all entries with the frame are computed once, and each choice then adds
its own products with the later stages' entries, which are known beforehand: a stage costs one addition and one
search, and no product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voxduct.models import Floats, Ints

UNUSED = -1
"""Code of a stage that is done without."""


class ResidualQuantizer:
    """Codebooks and what follows from them; shared by all streams, each with a `ResidualEncoder` of its own."""

    def __init__(self, books: npt.NDArray[np.float32]) -> None:
        """Books of shape [stages, entries, width]."""
        self.stages, self.entries, self.width = books.shape
        flat = books.reshape(-1, self.width).astype(np.float64)
        self.norms = (flat**2).sum(axis=1).astype(np.float32)
        self.scaled = (-2 * flat).astype(np.float32)
        products = (2 * flat @ flat.T).astype(np.float32)
        self.products = [
            np.ascontiguousarray(products[self._of(stage), (stage + 1) * self.entries :])
            for stage in range(self.stages)
        ]
        """By stage: [entries, entries of all later stages], what a choice adds to their distances."""
        # An entry of zeros after the others of each stage is what -1 looks up.
        self._table = np.concatenate([books, np.zeros((self.stages, 1, self.width), np.float32)], axis=1)
        self._numbers = np.arange(self.stages)

    def _of(self, stage: int) -> slice:
        return slice(stage * self.entries, (stage + 1) * self.entries)

    def encoder(self, stages: int) -> ResidualEncoder:
        """For one stream, of the first so many stages."""
        return ResidualEncoder(self, stages)

    def decode(self, codes: Ints) -> Floats:
        """Codes of shape [k], k up to `stages`, to the frame [width] that they stand for; -1 adds nothing."""
        found: Floats = np.add.reduce(self._table[self._numbers[: len(codes)], codes], axis=0)
        return found


class ResidualEncoder:
    """Codes frames one by one; keeps no memory of them. Not for several threads at once."""

    def __init__(self, quantizer: ResidualQuantizer, stages: int) -> None:
        size = stages * quantizer.entries
        self._norms, self._scaled = quantizer.norms[:size], quantizer.scaled[:size]
        self._distances = np.empty(size, np.float32)
        ends = [(stage + 1) * quantizer.entries for stage in range(stages)]
        self._steps = [
            (self._distances[end - quantizer.entries : end], self._distances[end:], list(products[:, : size - end]))
            for end, products in zip(ends, quantizer.products, strict=False)
        ]
        """By stage: its own distances, those of the later ones, and what each code adds to them."""

    def encode(self, frame: Floats, codes: Ints) -> None:
        """Writes the codes of a frame of shape [width] into `codes`, shape [stages]."""
        np.dot(self._scaled, frame, out=self._distances)
        self._distances += self._norms
        for stage, (own, later, products) in enumerate(self._steps):
            code = own.argmin()
            codes[stage] = code
            later += products[code]
