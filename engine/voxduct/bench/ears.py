"""Judges that are not ours, for speech we made: an independent recogniser, and a speaker's likeness.

Both are optional: they come with `make setup-bench`, and a measurement leaves out what is not installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from voxduct.audio import Samples, float_to_pcm16

RESEMBLYZER_NEEDS = ("resemblyzer", "librosa", "torch")

Ear = Callable[[Samples], str]


def pocketsphinx_ear() -> Ear | None:
    """PocketSphinx with its default US English model, over whole 16 kHz clips; None when not installed."""
    if importlib.util.find_spec("pocketsphinx") is None:
        return None
    decoder = importlib.import_module("pocketsphinx").Decoder(loglevel="FATAL")

    def hear(samples: Samples) -> str:
        decoder.start_utt()
        decoder.process_raw(float_to_pcm16(samples).tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return "" if hypothesis is None else str(hypothesis.hypstr)

    return hear


def speaker_likeness(clips: Sequence[Samples]) -> float | None:
    """Mean cosine between each clip's Resemblyzer embedding and that of the others together; None without it.

    1 is the same voice throughout; different people are mostly below .75.
    """
    if len(clips) < 2 or any(importlib.util.find_spec(name) is None for name in RESEMBLYZER_NEEDS):
        return None
    resemblyzer: Any = importlib.import_module("resemblyzer")
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    embeddings = np.stack([encoder.embed_utterance(clip) for clip in clips])
    total = embeddings.sum(axis=0)
    cosines = [float(one @ (total - one) / np.linalg.norm(total - one)) for one in embeddings]
    return float(np.mean(cosines))
