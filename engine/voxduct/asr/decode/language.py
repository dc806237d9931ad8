"""Which language is spoken: the distribution over language tokens after the start token, by one decoder step.

Radford et al. (2022), section 2.3.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from voxduct.asr.tokenizer import Tokenizer
from voxduct.errors import ModelError
from voxduct.models import WhisperModel


@dataclass(frozen=True, slots=True)
class SpokenLanguage:
    """A language and how sure it is."""

    code: str
    """Such as `en`."""
    probability: float
    """0 to 1, among the languages that were allowed; 1 where it was given."""


def detect_language(
    model: WhisperModel, encoding: object, tokenizer: Tokenizer, allowed: Collection[str] = ()
) -> SpokenLanguage:
    """The most probable language of a window.

    Args:
        model: the Whisper.
        encoding: what its encoder said about the window.
        tokenizer: its vocabulary.
        allowed: codes to choose from; empty is every language the model knows.

    Raises:
        ModelError: the model knows none of them.
    """
    logits = model.decode([tokenizer.start], model.new_state(encoding)).logits[-1]
    known = {code: token for code, token in tokenizer.languages.items() if token < logits.size}
    codes = sorted((code for code in known if not allowed or code in allowed), key=known.__getitem__)
    if not codes:
        raise ModelError(f"the model knows none of the languages {sorted(allowed)}; it has {sorted(known)}")
    scores = logits[[known[code] for code in codes]].astype(np.float64)
    weights = np.exp(scores - scores.max())
    best = int(np.argmax(weights))
    return SpokenLanguage(codes[best], float(weights[best] / weights.sum()))
