"""A codec's code vectors: what its codes mean, as a sum of vectors, and the codes of a vector."""

from __future__ import annotations

import numpy as np

from voxduct.models import Floats, Ints
from voxduct.tts.sound_parameters import SoundParameters


class CodeVectors:
    """A residual vector quantiser's tables (SoundStream, Zeghidour et al., 2021)."""

    def __init__(self, tables: Floats, parameters: SoundParameters | None = None) -> None:
        """`tables`: shape [books, cardinality, width]; a frame is the sum of one vector of each book."""
        self.parameters = parameters
        """Which entries are what, where that is known."""
        self._tables = tables
        self._halves = 0.5 * np.square(tables).sum(axis=2)

    @property
    def books(self) -> int:
        """How many tables there are."""
        return len(self._tables)

    @property
    def width(self) -> int:
        """Entries of a vector."""
        width: int = self._tables.shape[2]
        return width

    def vector(self, codes: Ints) -> Floats:
        """Codes of shape [books] to a vector of shape [width]."""
        found: Floats = self._tables[np.arange(self.books), codes].sum(axis=0)
        return found

    def vectors(self, codes: Ints) -> Floats:
        """Codes of shape [books, n] to vectors of shape [n, width]."""
        found: Floats = self._tables[np.arange(self.books)[:, None], codes].sum(axis=0)
        return found

    def nearest(self, vector: Floats) -> Ints:
        """A vector of shape [width] to codes of shape [books]: book by book, the nearest to what is left."""
        codes = np.zeros(self.books, np.int64)
        for book, (table, half) in enumerate(zip(self._tables, self._halves, strict=True)):
            codes[book] = (table @ vector - half).argmax()
            vector = vector - table[codes[book]]
        return codes

    @property
    def neutral(self) -> Ints:
        """Of each book the code whose vector is nearest to nothing, shape [books]."""
        found: Ints = self._halves.argmin(axis=1)
        return found

    def stretched(self, factors: Floats) -> CodeVectors:
        """The same vectors, entry by entry times `factors`, shape [width]: what is larger weighs more in `nearest`.

        They are no parameters of sound any more.
        """
        return CodeVectors(self._tables * factors)
