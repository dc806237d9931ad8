"""Is the same sentence told apart when two voices say it? Judged by speaker embeddings.

likeness         mean cosine between a sentence and the voice's other sentences together.
likeness_other   mean cosine between the other voice's reading of a sentence and those same other sentences.
told_apart       share of the sentences where the first is larger than the second.

Resemblyzer puts readings of one person mostly above .75 and of different people mostly below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxduct.models import Floats


@dataclass(frozen=True, slots=True)
class Contrast:
    """How alike readings of one voice are, and readings of two."""

    likeness: float
    likeness_other: float
    told_apart: float


def contrast(voice: Floats, other: Floats) -> Contrast:
    """Compares two voices' embeddings of the same sentences, each of shape [sentences, size] with two or more rows."""
    total = voice.sum(axis=0)
    rest = np.stack([(total - one) / np.linalg.norm(total - one) for one in voice])
    same, different = (voice * rest).sum(axis=1), (other * rest).sum(axis=1)
    return Contrast(float(same.mean()), float(different.mean()), float((same > different).mean()))
