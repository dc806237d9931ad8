"""Judges that are not ours, for speech we made: an independent recogniser, and a speaker encoder.

Both are optional: they come with `make setup-bench`, and a measurement leaves out what is not installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples, float_to_pcm16
from voxduct.models import Floats

RESEMBLYZER_NEEDS = ("resemblyzer", "librosa", "torch")

SILENCE = np.zeros(SAMPLE_RATE // 2, np.float32)

Ear = Callable[[Samples], str]


def padded(samples: Samples) -> Samples:
    """Speech with silence on both sides, as recordings have it; 16 kHz."""
    return np.concatenate([SILENCE, samples, SILENCE])


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


def speaker_embeddings(clips: Sequence[Samples]) -> Floats | None:
    """Resemblyzer's embeddings of 16 kHz clips, shape [clips, 256], of length 1; None when not installed."""
    if any(importlib.util.find_spec(name) is None for name in RESEMBLYZER_NEEDS):
        return None
    resemblyzer: Any = importlib.import_module("resemblyzer")
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    return np.stack([encoder.embed_utterance(clip) for clip in clips])
